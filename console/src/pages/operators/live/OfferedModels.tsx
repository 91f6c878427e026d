import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Catalog, type Model } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, CloseButton, Group } from "@mantine/core";
import { Link, useSearch } from "@tanstack/react-router";

import { allOf, idOf, quoted } from "../../../api/names";
import { Part } from "../../../components/Part";
import { pageSize, usePaging } from "../../../hooks/paging";
import { useChangeSearch } from "../../../hooks/usage";
import { type Column, DataTable } from "../../../table/DataTable";
import { ListCsv } from "../../../table/ListCsv";
import { Pager } from "../../../table/Pager";
import { SearchField } from "../../../table/SearchField";
import { AppLink } from "../../../ui/AppLink";
import { EmptyState } from "../../../ui/EmptyState";
import { Surface } from "../../../ui/Surface";
import { LiveFrame } from "./LiveFrame";
import { modelPageOf, newModelPage, publicNameOf } from "./names";

const from = "/operators/models/";

/** The models of the deployment, also those that were taken from the offer. */
export function OfferedModels() {
  const { t } = useLingui();
  const search = useSearch({ from });
  const change = useChangeSearch<typeof search>(true);
  return (
    <LiveFrame hint={<Trans>The models of the deployment, also those that are retired. Every organization has the same.</Trans>} actions={<Button component={Link} to={newModelPage}><Trans>Offer a model</Trans></Button>}>
      <Group gap="sm" mb="md">
        <SearchField value={search.q ?? ""} label={t`Search by name`} onChange={(q) => change({ q: q || undefined })} />
        {search.provider !== undefined && (
          <Badge variant="light" radius="sm" size="lg" tt="none" rightSection={<CloseButton size="xs" aria-label={t`Remove ${search.provider}`} onClick={() => change({ provider: undefined })} />}>{search.provider}</Badge>
        )}
      </Group>
      <Surface flush><Part height={420}><Found /></Part></Surface>
    </LiveFrame>
  );
}

function Found() {
  const { t } = useLingui();
  const { q, provider } = useSearch({ from });
  const filter = allOf(q === undefined ? "" : quoted(q), provider === undefined ? "" : `provider = ${quoted(`providers/${provider}`)}`);
  const paging = usePaging(filter);
  const question = { filter, showRetired: true };
  const { data } = useSuspenseQuery(Catalog.method.listModels, { ...question, pageSize, pageToken: paging.token });
  if (data.models.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No model matches</Trans>} step={<Trans>Try another search, or offer a model.</Trans>} command="megarouter models list" />;
  }
  const columns: readonly Column<Model>[] = [
    { id: "name", header: <Trans>Name</Trans>, cell: (model) => <AppLink to={modelPageOf(model.name)} fw={500} className="cut">{publicNameOf(model.name)}</AppLink> },
    { id: "provider", header: <Trans>Provider</Trans>, cell: (model) => idOf(model.provider), shown: "wide" },
    { id: "places", header: <Trans>Places</Trans>, cell: (model) => Math.max(model.deployments.length, 1), align: "right", shown: "very-wide" },
    { id: "price", header: <Trans>Prices</Trans>, cell: (model) => (model.currentPrice === undefined ? t`none in force` : t`version ${model.currentPrice.version}`), shown: "very-wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (model) => <OfferState retired={model.retired} /> },
  ];
  return (
    <>
      <DataTable caption={t`Models`} columns={columns} rows={data.models} keyOf={(model) => model.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="models" method={Catalog.method.listModels} request={question} /></Pager>
    </>
  );
}

export function OfferState({ retired }: { readonly retired: boolean }) {
  return <Badge variant="light" radius="sm" tt="none" color={retired ? "gray" : "teal"}>{retired ? <Trans>Retired</Trans> : <Trans>On offer</Trans>}</Badge>;
}
