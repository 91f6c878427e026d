import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Catalog, type Provider } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge } from "@mantine/core";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { pageSize, usePaging } from "../../hooks/paging";
import { pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { CatalogFrame } from "./CatalogFrame";
import { useProviderHealth } from "./labels";

/** Who serves the models, and how they respond. */
export function ProviderList() {
  return <CatalogFrame hint={<Trans>Health is measured on the latest calls of all organizations, at most 15 minutes old.</Trans>}><Surface flush><Part height={320}><Found /></Part></Surface></CatalogFrame>;
}

function Found() {
  const parent = useParent();
  const { t } = useLingui();
  const healthName = useProviderHealth();
  const paging = usePaging(parent);
  const question = {  };
  const { data } = useSuspenseQuery(Catalog.method.listProviders, { ...question, pageSize, pageToken: paging.token });
  if (data.providers.length === 0 && paging.back === undefined) return <EmptyState title={<Trans>No providers</Trans>} step={<Trans>The operator of the deployment names them in the catalog.</Trans>} />;
  const columns: readonly Column<Provider>[] = [
    { id: "name", header: <Trans>Name</Trans>, cell: (one) => <AppLink to={pathsOf(parent).catalog} search={{ provider: idOf(one.name) }} fw={500}>{one.displayName}</AppLink> },
    { id: "id", header: <Trans>Id</Trans>, cell: (one) => idOf(one.name), shown: "wide" },
    { id: "dialects", header: <Trans>Dialects</Trans>, cell: (one) => one.dialects.join(", "), shown: "wide" },
    { id: "health", header: <Trans>Health</Trans>, cell: (one) => <Badge variant="light" radius="sm" tt="none" color={healthName(one.health).color}>{healthName(one.health).label}</Badge> },
  ];
  return (
    <>
      <DataTable caption={t`Providers`} columns={columns} rows={data.providers} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="providers" method={Catalog.method.listProviders} request={question} /></Pager>
    </>
  );
}
