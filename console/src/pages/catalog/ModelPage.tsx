import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Catalog, type CategoryPrice, type Model, type ModelDeployment, type ModelPrice, type PriceMultiplier, type UseFee } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Badge, SimpleGrid, Stack, Text } from "@mantine/core";
import { useParams } from "@tanstack/react-router";

import { timestampDate } from "@bufbuild/protobuf/wkt";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useNow } from "../../hooks/now";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { formatCredits } from "../../util/credits";
import { formatCount } from "../../util/numbers";
import { formatDate } from "../../util/times";
import { useDeploymentState, useTokenCategory } from "./labels";
import { publicName } from "./ModelList";

const mostVersions = 100;

/** One model: what it can, where it runs, and its prices with the days from which they count. */
export function ModelPage() {
  const paths = pathsOf(useParent());
  const { t } = useLingui();
  const { _splat: id = "" } = useParams({ from: "/organizations/$organization/models/$" });
  const { data: model } = useSuspenseQuery(Catalog.method.getModel, { name: `models/${id}` });
  return (
    <>
      <PageHeader crumbs={[{ label: t`Models`, to: paths.catalog }]} title={publicName(model)} hint={model.retired ? <Badge variant="light" radius="sm" tt="none" color="gray">{t`Retired`}</Badge> : idOf(model.provider)} />
      <Stack gap="lg">
        {!model.retired && model.currentPrice === undefined && <Alert color="orange" variant="light" title={<Trans>No price is in force</Trans>}><Trans>Calls to it are refused until it has one.</Trans></Alert>}
        <SimpleGrid cols={{ base: 1, md: model.deployments.length === 0 ? 1 : 2 }} spacing="lg">
          <Surface title={<Trans>The model</Trans>}><Facts model={model} /></Surface>
          {model.deployments.length > 0 && <Surface flush title={<Trans>Places that serve it</Trans>}><Deployments deployments={model.deployments} /></Surface>}
        </SimpleGrid>
        <Part height={300}><Prices model={model} /></Part>
      </Stack>
    </>
  );
}

function Facts({ model }: { readonly model: Model }) {
  const paths = pathsOf(useParent());
  const { t } = useLingui();
  const language = useLanguage();
  return (
    <Properties
      entries={[
        [<Trans>Name for calls</Trans>, <Copyable text={publicName(model)} label={t`name`} />],
        [<Trans>Also called</Trans>, model.aliases.length === 0 ? undefined : model.aliases.join(", ")],
        [<Trans>Provider</Trans>, idOf(model.provider)],
        [<Trans>Its name there</Trans>, model.upstreamName],
        [<Trans>Endpoints</Trans>, model.endpoints.map((one) => one.replaceAll("_", " ")).join(", ")],
        [<Trans>Context</Trans>, model.contextWindowTokens === 0n ? undefined : t`${formatCount(model.contextWindowTokens, language)} tokens`],
        [<Trans>Most output</Trans>, model.maxOutputTokens === 0n ? undefined : t`${formatCount(model.maxOutputTokens, language)} tokens`],
        [<Trans>Usage</Trans>, <AppLink to={paths.calls} search={{ model: publicName(model), period: "30d" }}><Trans>Calls of the last 30 days</Trans></AppLink>],
      ]}
    />
  );
}

function Deployments({ deployments }: { readonly deployments: readonly ModelDeployment[] }) {
  const { t } = useLingui();
  const stateName = useDeploymentState();
  const columns: readonly Column<ModelDeployment>[] = [
    { id: "provider", header: <Trans>Provider</Trans>, cell: (one) => <>{idOf(one.provider)}<Text size="xs" c="dimmed" className="cut">{one.upstreamName}</Text></> },
    { id: "region", header: <Trans>Region</Trans>, cell: (one) => one.region || "—", shown: "wide" },
    { id: "priority", header: <Trans>Priority</Trans>, cell: (one) => one.priority, align: "right" },
    { id: "weight", header: <Trans>Weight</Trans>, cell: (one) => one.weight, align: "right" },
    { id: "state", header: <Trans>State</Trans>, cell: (one) => stateName(one.state) },
  ];
  return <DataTable caption={t`Places that serve it`} columns={columns} rows={deployments} keyOf={(one) => `${one.provider} ${one.upstreamName} ${one.region}`} />;
}

function Prices({ model }: { readonly model: Model }) {
  const { data } = useSuspenseQuery(Catalog.method.listModelPrices, { parent: model.name, pageSize: mostVersions });
  return <Stack gap="lg">{data.modelPrices.map((price) => <Price key={price.version} price={price} isCurrent={price.version === model.currentPrice?.version} />)}</Stack>;
}

function Price({ price, isCurrent }: { readonly price: ModelPrice; readonly isCurrent: boolean }) {
  const { t } = useLingui();
  const language = useLanguage();
  const now = useNow();
  const from = price.effectiveTime;
  const isAhead = from !== undefined && timestampDate(from) > now;
  const day = from === undefined ? "" : formatDate(from, language, "UTC");
  const above = price.longContext === undefined ? "" : formatCount(price.longContext.aboveInputTokens, language);
  return (
    <Surface
      flush title={<Trans>Prices, version {price.version}</Trans>} hint={<Trans>From {day} (UTC) on; in credits for a million tokens</Trans>}
      actions={<Badge variant="light" radius="sm" tt="none" color={isCurrent ? "teal" : isAhead ? "blue" : "gray"}>{isCurrent ? t`In force` : isAhead ? t`Ahead` : t`Over`}</Badge>}
    >
      <Categories caption={t`Prices, version ${price.version}`} prices={price.prices} />
      {price.longContext !== undefined && (
        <>
          <Text size="sm" c="dimmed" px={20} pt="sm"><Trans>Calls with more than {above} input tokens:</Trans></Text>
          <Categories caption={t`Prices of long calls, version ${price.version}`} prices={price.longContext.prices} />
        </>
      )}
      {(price.fees.length > 0 || price.multipliers.length > 0) && <Extras fees={price.fees} multipliers={price.multipliers} />}
    </Surface>
  );
}

function Categories({ caption, prices }: { readonly caption: string; readonly prices: readonly CategoryPrice[] }) {
  const language = useLanguage();
  const categoryName = useTokenCategory();
  const columns: readonly Column<CategoryPrice>[] = [
    { id: "category", header: <Trans>Tokens</Trans>, cell: (one) => categoryName(one.category) },
    { id: "price", header: <Trans>Price</Trans>, cell: (one) => formatCredits(one.priceNanoCreditsPerMillionTokens, language), align: "right" },
  ];
  return <DataTable caption={caption} columns={columns} rows={prices} keyOf={(one) => String(one.category)} />;
}

function Extras({ fees, multipliers }: { readonly fees: readonly UseFee[]; readonly multipliers: readonly PriceMultiplier[] }) {
  const { t } = useLingui();
  const language = useLanguage();
  const amount = (fee: UseFee): string => formatCredits(fee.priceNanoCreditsPerUse, language);
  return (
    <div style={{ padding: 20 }}>
      <Properties
        entries={[
          ...fees.map((fee) => [fee.name.replaceAll("_", " "), fee.oncePerCall ? t`${amount(fee)} once for a call` : t`${amount(fee)} for each use`] as const),
          ...multipliers.map((one) => [[one.tier, one.speed, one.place].filter((part) => part !== "").join(", "), `× ${one.numerator}/${one.denominator}`] as const),
        ]}
      />
    </div>
  );
}
