import { useSuspenseQuery } from "@connectrpc/connect-query";
import { CatalogChanges, CatalogOrigin, type ModelConfiguration } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { Confirmation } from "../../../components/Confirmation";
import { Part } from "../../../components/Part";
import { type WantedDeployment, wantedModel } from "../../../forms/operators/definitions";
import { useLanguage } from "../../../hooks/language";
import { useSaving } from "../../../hooks/saving";
import { PageHeader } from "../../../layouts/PageHeader";
import { operatorPaths } from "../../../paths";
import { type Column, DataTable } from "../../../table/DataTable";
import { AppLink } from "../../../ui/AppLink";
import { Copyable } from "../../../ui/Copyable";
import { Properties } from "../../../ui/Properties";
import { Surface } from "../../../ui/Surface";
import { formatCount } from "../../../util/numbers";
import { Prices } from "../../catalog/Prices";
import { Definition } from "./Definition";
import { OfferState } from "./OfferedModels";
import { WhereFrom } from "./Origin";
import { modelEditPageOf, publicNameOf } from "./names";

export function OfferedModelPage() {
  const { t } = useLingui();
  const { _splat: id = "" } = useParams({ from: "/operators/models/$" });
  const { data: model } = useSuspenseQuery(CatalogChanges.method.getModelConfiguration, { name: `models/${id}` });
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Live configuration`, to: operatorPaths.providers }, { label: t`Models`, to: operatorPaths.models }]} title={publicNameOf(model.name)}
        hint={<Group gap="xs"><OfferState retired={model.retired} /><WhereFrom origin={model.origin} /></Group>} actions={<Actions model={model} />}
      />
      <Stack gap="lg">
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>The model</Trans>}><Facts model={model} /></Surface>
          <Surface flush title={<Trans>Places that serve it</Trans>}><Places model={model} /></Surface>
        </SimpleGrid>
        <Part height={300}><Prices name={model.name} /></Part>
        <Definition definition={model.definition} />
      </Stack>
    </>
  );
}

function Facts({ model }: { readonly model: ModelConfiguration }) {
  const { t } = useLingui();
  const language = useLanguage();
  const { endpoints, context, output, reserve, aliases } = wantedModel(model.definition ?? {});
  const tokens = (text: string): string | undefined => (text === "" ? undefined : t`${formatCount(Number(text), language)} tokens`);
  return (
    <Properties
      entries={[
        [<Trans>Name for calls</Trans>, <Copyable text={publicNameOf(model.name)} label={t`name`} />],
        [<Trans>Also called</Trans>, aliases.length === 0 ? undefined : aliases.join(", ")],
        [<Trans>Endpoints</Trans>, endpoints.map((one) => one.replaceAll("_", " ")).join(", ")],
        [<Trans>Context</Trans>, tokens(context)],
        [<Trans>Most output</Trans>, tokens(output)],
        [<Trans>Reserved output</Trans>, tokens(reserve)],
        [<Trans>History</Trans>, <AppLink to={operatorPaths.auditLog} search={{ q: model.name }}><Trans>Who changed it</Trans></AppLink>],
      ]}
    />
  );
}

function Places({ model }: { readonly model: ModelConfiguration }) {
  const { t } = useLingui();
  const columns: readonly Column<WantedDeployment>[] = [
    { id: "provider", header: <Trans>Provider</Trans>, cell: (one) => <><AppLink to={`${operatorPaths.providers}/${one.provider}`} className="cut">{one.provider}</AppLink><Text size="xs" c="dimmed" className="cut">{one.upstreamName}</Text></> },
    { id: "region", header: <Trans>Region</Trans>, cell: (one) => <span className="cut">{one.region || "—"}</span> },
    { id: "weight", header: <Trans>Weight</Trans>, cell: (one) => one.weight || "1", align: "right", shown: "wide" },
    { id: "priority", header: <Trans>Priority</Trans>, cell: (one) => one.priority || "0", align: "right" },
  ];
  return <DataTable caption={t`Places that serve it`} columns={columns} rows={wantedModel(model.definition ?? {}).deployments} keyOf={(one) => `${one.provider} ${one.upstreamName}`} />;
}

function Actions({ model }: { readonly model: ModelConfiguration }) {
  const { t } = useLingui();
  const [retiring, setRetiring] = useState(false);
  const retirement = useSaving(CatalogChanges.method.retireModel, t`The model is retired.`);
  const publicName = publicNameOf(model.name);
  const why = model.origin === CatalogOrigin.FILE && !model.retired ? t`It comes from the catalog file: change it there` : undefined;
  return (
    <Group gap="sm">
      {!model.retired && <Button variant="light" color="red" disabled={why !== undefined} title={why} onClick={() => setRetiring(true)}><Trans>Retire</Trans></Button>}
      {why === undefined ? <Button component={Link} to={modelEditPageOf(model.name)}>{model.retired ? <Trans>Offer it again</Trans> : <Trans>Change</Trans>}</Button> : <Button disabled title={why}><Trans>Change</Trans></Button>}
      <Confirmation opened={retiring} close={() => setRetiring(false)} danger title={<Trans>Retire this model?</Trans>} about={publicName} verb={<Trans>Retire</Trans>} mutation={retirement} confirm={() => retirement.save({ name: model.name }, () => setRetiring(false))}>
        <Trans>The next calls of every organization to {publicName} fail: there is no such model then. Calls that run are charged at its prices. It can be offered again.</Trans>
      </Confirmation>
    </Group>
  );
}
