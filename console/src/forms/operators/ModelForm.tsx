import { useSuspenseQuery } from "@connectrpc/connect-query";
import { CatalogChanges, type ModelConfiguration } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, MultiSelect, NativeSelect, SimpleGrid, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { Surface } from "../../ui/Surface";
import { CountField } from "../fields/AmountField";
import { DeploymentRows } from "./DeploymentRows";
import { OtherFields } from "./OtherFields";
import { PriceRows } from "./PriceRows";
import { type WantedModel, emptyDeployment, endpoints, modelDefinition, othersOfModel, pricesAreRight, tiers, wantedModel, wholeNumber } from "./definitions";

const mostProviders = 1000;
const mostAliases = 64;

interface ModelFormProps {
  /** The one to change; a new one otherwise. */
  readonly model?: ModelConfiguration;
  readonly onDone: (name: string) => void;
}

export function ModelForm({ model, onDone }: ModelFormProps) {
  const { t } = useLingui();
  const { data } = useSuspenseQuery(CatalogChanges.method.listProviderConfigurations, { pageSize: mostProviders });
  const providers = data.providerConfigurations.map(({ name }) => name.split("/")[1] ?? "");
  const [publicName, setPublicName] = useState("");
  const [wanted, setWanted] = useState<WantedModel>(() => (model === undefined ? newModel() : wantedModel(model.definition ?? {})));
  const [checked, setChecked] = useState(false);
  const requestId = useRequestId(JSON.stringify([publicName, wanted]));
  const saving = useSaving(CatalogChanges.method.offerModel, model === undefined ? t`The model is on offer. Every Envoy has it.` : t`The model is saved. Every Envoy has it.`);
  const definition = modelDefinition(wanted);
  const change = (part: Partial<WantedModel>): void => setWanted({ ...wanted, ...part });
  const problems = useProblems(wanted, model === undefined ? publicName : undefined);
  const shown = (problem: string | undefined, field: string): string | undefined => (checked ? problem : undefined) ?? saving.violation(field);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setChecked(true);
    if (definition === undefined || Object.values(problems).some((problem) => problem !== undefined)) return;
    saving.save({ name: model?.name ?? `models/${publicName.trim()}`, definition, etag: model?.etag ?? "", requestId }, ({ name }) => onDone(name));
  };
  return (
    <Surface>
      <form onSubmit={submit} noValidate>
        <Stack gap="md" maw={640}>
          {model === undefined && <TextInput label={t`Name for calls`} description={t`What callers write as the model`} required maxLength={128} value={publicName} onChange={(event) => setPublicName(event.currentTarget.value)} error={shown(problems.name, "name")} />}
          <DeploymentRows wanted={wanted} change={change} providers={providers} error={shown(problems.deployments, "definition.deployments") ?? saving.violation("definition.provider") ?? saving.violation("definition.upstream_name")} />
          <MultiSelect
            label={t`Endpoints`} required searchable hidePickedOptions value={[...wanted.endpoints]} onChange={(chosen) => change({ endpoints: chosen })} error={shown(problems.endpoints, "definition.endpoints")}
            data={endpoints.map((one) => ({ value: one, label: one.replaceAll("_", " ") }))}
          />
          <SimpleGrid cols={{ base: 1, xs: 3 }} style={{ alignItems: "start" }}>
            <CountField label={t`Context in tokens`} required value={wanted.context} onChange={(context) => change({ context })} error={shown(problems.context, "definition.context_window_tokens")} />
            <CountField label={t`Most output`} required value={wanted.output} onChange={(output) => change({ output })} error={shown(problems.output, "definition.max_output_tokens")} />
            <CountField label={t`Reserved output`} required value={wanted.reserve} onChange={(reserve) => change({ reserve })} error={shown(problems.reserve, "definition.default_output_reserve_tokens")} />
          </SimpleGrid>
          <Text size="xs" c="dimmed" mt={-8}><Trans>A call that does not say how much it wants at most holds credits for the reserved output.</Trans></Text>
          <PriceRows wanted={wanted} change={change} model={model} error={shown(problems.prices, "definition.prices_nano_credits_per_million_tokens") ?? saving.violation("definition.effective_date")} />
          <TagsInput
            label={t`Also called`} description={t`Other names by which callers may call it`} value={[...wanted.aliases]} onChange={(aliases) => change({ aliases })} maxTags={mostAliases} splitChars={[",", " ", ";"]}
            error={saving.violation("definition.aliases")}
          />
          <NativeSelect
            label={t`Tier`} description={t`Its class among the models, for the choice of virtual models`} value={wanted.tier} onChange={(event) => change({ tier: event.currentTarget.value })} error={saving.violation("definition.tier")}
            data={[{ value: "", label: t`None` }, ...tiers.map((tier) => ({ value: tier, label: tier }))]}
          />
          <OtherFields value={wanted.others} onChange={(others) => change({ others })} isWrong={othersOfModel(wanted.others) === undefined} />
          {saving.isError && <ErrorNotice error={saving.error} />}
          <Group><Button type="submit" loading={saving.isPending}>{model === undefined || model.retired ? <Trans>Offer the model</Trans> : <Trans>Save the model</Trans>}</Button></Group>
        </Stack>
      </form>
    </Surface>
  );
}

function newModel(): WantedModel {
  return {
    ...wantedModel({}), deployments: [emptyDeployment], endpoints: ["chat_completions"], prices: [{ category: "input", credits: "" }, { category: "output", credits: "" }],
    effectiveDate: new Date().toISOString().slice(0, 10),
  };
}

/** What is not right before the service is asked. `publicName` is undefined for a model that has one. */
function useProblems(wanted: WantedModel, publicName: string | undefined) {
  const { t } = useLingui();
  const tokens = (text: string): string | undefined => (wholeNumber(text) === undefined ? t`Enter a whole number.` : undefined);
  const [output, reserve] = [wholeNumber(wanted.output), wholeNumber(wanted.reserve)];
  const areComplete = wanted.deployments.every((one) => one.provider !== "" && one.upstreamName.trim() !== "" && [one.weight, one.priority].every((text) => text.trim() === "" || wholeNumber(text) !== undefined));
  return {
    name: publicName !== undefined && publicName.trim() === "" ? t`Give it a name.` : undefined,
    deployments: areComplete ? undefined : t`Each needs a provider and its name there; weight and priority are whole numbers.`,
    endpoints: wanted.endpoints.length === 0 ? t`Choose at least one.` : undefined,
    context: tokens(wanted.context), output: tokens(wanted.output),
    reserve: tokens(wanted.reserve) ?? (output !== undefined && reserve !== undefined && reserve > output ? t`At most as much as the most output.` : undefined),
    prices: pricesAreRight(wanted) ? undefined : t`Input and output need prices such as 2.5, no category has two, and the prices need a day.`,
  };
}
