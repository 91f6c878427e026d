import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Catalog, type Model, type ModelDeployment } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Badge, SimpleGrid, Stack, Text } from "@mantine/core";
import { useParams } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { formatCount } from "../../util/numbers";
import { useDeploymentState } from "./labels";
import { publicName } from "./ModelList";
import { Prices } from "./Prices";

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
        <Part height={300}><Prices name={model.name} /></Part>
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
