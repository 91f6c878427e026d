import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Catalog, type Model, type ModelPrice, TokenCategory } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Group, NativeSelect, SegmentedControl } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";

import { allOf, idOf, quoted } from "../../api/names";
import { Part } from "../../components/Part";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { pageSize, usePaging } from "../../hooks/paging";
import { useChangeSearch } from "../../hooks/usage";
import { pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { SearchField } from "../../table/SearchField";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { formatCredits } from "../../util/credits";
import { formatCompact } from "../../util/numbers";
import { CatalogFrame } from "./CatalogFrame";

const from = "/organizations/$organization/models/";
const mostProviders = 200;

/** The models that can be called, and what they cost. */
export function ModelList() {
  const { account } = usePlace();
  const { t } = useLingui();
  const search = useSearch({ from });
  const change = useChangeSearch<typeof search>(true);
  return (
    <CatalogFrame
      hint={<Trans>Prices are in credits for a million tokens. The catalog is the same for every organization.</Trans>}
      actions={
        account.member === "" ? null : (
          <SegmentedControl
            aria-label={t`Which models`} size="xs" value={search.show ?? "all"} onChange={(show) => change({ show: show === "mine" ? "mine" : undefined })}
            data={[{ value: "all", label: t`All` }, { value: "mine", label: t`That I may call` }]}
          />
        )
      }
    >
      <Group gap="sm" mb="md">
        <SearchField value={search.q ?? ""} label={t`Search by name`} onChange={(q) => change({ q: q || undefined })} />
        <Part height={36}><ProviderChoice value={search.provider} onChange={(provider) => change({ provider })} /></Part>
      </Group>
      <Surface flush><Part height={420}>{search.show === "mine" ? <Usable /> : <All />}</Part></Surface>
    </CatalogFrame>
  );
}

function ProviderChoice({ value, onChange }: { readonly value: string | undefined; readonly onChange: (provider: string | undefined) => void }) {
  const { t } = useLingui();
  const { data } = useSuspenseQuery(Catalog.method.listProviders, { pageSize: mostProviders });
  return (
    <NativeSelect
      aria-label={t`Provider`} value={value ?? ""} onChange={(event) => onChange(event.currentTarget.value || undefined)}
      data={[{ value: "", label: t`Every provider` }, ...data.providers.map((provider) => ({ value: idOf(provider.name), label: provider.displayName }))]}
    />
  );
}

function useFilter(): string {
  const { q, provider } = useSearch({ from });
  return allOf(q === undefined ? "" : quoted(q), provider === undefined ? "" : `provider = ${quoted(`providers/${provider}`)}`);
}

function All() {
  const filter = useFilter();
  const paging = usePaging(filter);
  const { data } = useSuspenseQuery(Catalog.method.listModels, { pageSize, pageToken: paging.token, filter });
  return (
    <>
      <Table models={data.models} isFirst={paging.back === undefined} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="models" method={Catalog.method.listModels} request={{ filter }} /></Pager>
    </>
  );
}

function Usable() {
  const { account } = usePlace();
  const filter = useFilter();
  const paging = usePaging(filter);
  const { data } = useSuspenseQuery(Catalog.method.listUsableModels, { parent: account.member, pageSize, pageToken: paging.token, filter });
  return (
    <>
      <Table models={data.models} isFirst={paging.back === undefined} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="usable-models" method={Catalog.method.listUsableModels} request={{ parent: account.member, filter }} /></Pager>
    </>
  );
}

function Table({ models, isFirst }: { readonly models: readonly Model[]; readonly isFirst: boolean }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  if (models.length === 0 && isFirst) return <EmptyState title={<Trans>No model matches</Trans>} step={<Trans>Try another search, or choose all providers.</Trans>} command="megarouter models list" />;
  const columns: readonly Column<Model>[] = [
    { id: "name", header: <Trans>Name</Trans>, cell: (model) => <AppLink to={`${pathsOf(account.organization).catalog}/${publicName(model)}`} fw={500} className="cut">{publicName(model)}</AppLink> },
    { id: "provider", header: <Trans>Provider</Trans>, cell: (model) => idOf(model.provider), shown: "wide" },
    { id: "context", header: <Trans>Context</Trans>, cell: (model) => formatCompact(model.contextWindowTokens, language), align: "right", shown: "wide" },
    { id: "output", header: <Trans>Most output</Trans>, cell: (model) => formatCompact(model.maxOutputTokens, language), align: "right", shown: "very-wide" },
    { id: "in", header: <Trans>Input</Trans>, cell: (model) => priceText(model.currentPrice, TokenCategory.INPUT, language), align: "right" },
    { id: "out", header: <Trans>Output</Trans>, cell: (model) => priceText(model.currentPrice, TokenCategory.OUTPUT, language), align: "right" },
  ];
  return <DataTable caption={t`Models`} columns={columns} rows={models} keyOf={(model) => model.name} />;
}

export function publicName(model: Model): string {
  return model.name.replace(/^models\//, "");
}

function priceText(price: ModelPrice | undefined, category: TokenCategory, language: string): string {
  const found = price?.prices.find((one) => one.category === category);
  return found === undefined ? "—" : formatCredits(found.priceNanoCreditsPerMillionTokens, language);
}
