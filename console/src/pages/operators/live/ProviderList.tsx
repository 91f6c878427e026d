import { useSuspenseQuery } from "@connectrpc/connect-query";
import { CatalogChanges, type ProviderConfiguration } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import { Part } from "../../../components/Part";
import { wantedProvider } from "../../../forms/operators/definitions";
import { pageSize, usePaging } from "../../../hooks/paging";
import { type Column, DataTable } from "../../../table/DataTable";
import { ListCsv } from "../../../table/ListCsv";
import { Pager } from "../../../table/Pager";
import { AppLink } from "../../../ui/AppLink";
import { EmptyState } from "../../../ui/EmptyState";
import { Surface } from "../../../ui/Surface";
import { Time } from "../../../ui/Time";
import { LiveFrame } from "./LiveFrame";
import { Origin } from "./Origin";
import { newProviderPage, providerOf, providerPageOf } from "./names";

/** How the gateway reaches the providers. */
export function ProviderList() {
  return (
    <LiveFrame hint={<Trans>How the gateway reaches providers. Every Envoy has a change within two seconds, and no running call is cut.</Trans>} actions={<Button component={Link} to={newProviderPage}><Trans>Add a provider</Trans></Button>}>
      <Surface flush><Part height={420}><Found /></Part></Surface>
    </LiveFrame>
  );
}

function Found() {
  const { t } = useLingui();
  const paging = usePaging("");
  const { data } = useSuspenseQuery(CatalogChanges.method.listProviderConfigurations, { pageSize, pageToken: paging.token });
  if (data.providerConfigurations.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No providers</Trans>} step={<Trans>Add one here, or name them in the catalog file.</Trans>} command="megarouter catalog providers" />;
  }
  const columns: readonly Column<ProviderConfiguration>[] = [
    {
      id: "name", header: <Trans>Name</Trans>,
      cell: (one) => <><AppLink to={providerPageOf(one.name)} fw={500} className="cut">{wantedProvider(one.definition ?? {}).displayName || providerOf(one.name)}</AppLink><Text size="xs" c="dimmed" className="cut">{providerOf(one.name)}</Text></>,
    },
    { id: "origin", header: <Trans>Comes from</Trans>, cell: (one) => <Origin origin={one.origin} /> },
    { id: "dialects", header: <Trans>Dialects</Trans>, cell: (one) => Object.keys(wantedProvider(one.definition ?? {}).urls).join(", "), shown: "very-wide" },
    { id: "credential", header: <Trans>Credential set here</Trans>, cell: (one) => <Time value={one.credential?.setTime} />, shown: "wide" },
  ];
  return (
    <>
      <DataTable caption={t`Providers`} columns={columns} rows={data.providerConfigurations} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="provider-configurations" method={CatalogChanges.method.listProviderConfigurations} request={{}} /></Pager>
    </>
  );
}
