import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Catalog, type VirtualModel, type VirtualModel_MeasuredLoss, VirtualModels } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { ActionIcon, Button, Group, MultiSelect, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import { ScopeChoice } from "../../components/ScopeChoice";
import { usePlace } from "../../hooks/account";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { Icon } from "../../ui/Icon";
import { Surface } from "../../ui/Surface";

const mostModels = 1000;
const mostCandidates = 8;

interface WantedLoss {
  readonly useCase: string;
  readonly model: string;
  /** In percent. */
  readonly percent: string;
  /** Empty, or the score that calls must not exceed: its number, the version of its weights, and the highest score. */
  readonly score: string;
  readonly weights: string;
  readonly atMost: string;
}

interface Wanted {
  readonly modelName: string;
  readonly owner: string;
  readonly candidates: readonly string[];
  readonly baseline: string;
  readonly losses: readonly WantedLoss[];
}

interface VirtualModelFormProps {
  /** The one to change; a new one otherwise. */
  readonly model?: VirtualModel;
  readonly onDone: (name: string) => void;
}

export function VirtualModelForm({ model, onDone }: VirtualModelFormProps) {
  const { account } = usePlace();
  const parent = account.organization;
  const { t } = useLingui();
  const { data } = useSuspenseQuery(Catalog.method.listModels, { pageSize: mostModels });
  const [wanted, setWanted] = useState<Wanted>(() => ({
    modelName: model?.modelName ?? "", owner: model?.owner ?? (account.group || parent), candidates: model?.candidateModels ?? [], baseline: model?.baselineModel ?? "",
    losses: (model?.measuredLosses ?? []).map(wantedLoss),
  }));
  const [checked, setChecked] = useState(false);
  const requestId = useRequestId(JSON.stringify(wanted));
  const creation = useSaving(VirtualModels.method.createVirtualModel, t`The virtual model is created.`);
  const update = useSaving(VirtualModels.method.updateVirtualModel, t`The virtual model is saved.`);
  const saving = model === undefined ? creation : update;
  const change = (part: Partial<Wanted>): void => setWanted({ ...wanted, ...part });
  const problems = {
    modelName: wanted.modelName.trim() === "" ? t`Give it a name.` : undefined,
    owner: wanted.owner === "" ? t`Choose a group.` : undefined,
    candidates: wanted.candidates.length === 0 ? t`Choose at least one model.` : undefined,
    baseline: wanted.candidates.includes(wanted.baseline) ? undefined : t`Choose one of the candidates.`,
    losses: wanted.losses.every(isComplete) ? undefined : t`Each needs a use case, a candidate and a percentage; with a score, also the version of its weights and the highest score.`,
  };
  const error = (name: keyof typeof problems, field: string): string | undefined => (checked ? problems[name] : undefined) ?? saving.violation(`virtual_model.${field}`);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setChecked(true);
    if (Object.values(problems).some((problem) => problem !== undefined)) return;
    const virtualModel = {
      modelName: wanted.modelName.trim(), candidateModels: [...wanted.candidates], baselineModel: wanted.baseline,
      measuredLosses: wanted.losses.map(measuredLoss),
    };
    if (model === undefined) creation.save({ parent, requestId, virtualModel: { ...virtualModel, owner: wanted.owner } }, ({ name }) => onDone(name));
    else update.save({ virtualModel: { ...virtualModel, name: model.name, etag: model.etag }, updateMask: { paths: ["model_name", "candidate_models", "baseline_model", "measured_losses"] } }, ({ name }) => onDone(name));
  };
  return (
    <Surface>
      <form onSubmit={submit} noValidate>
        <Stack gap="md" maw={640}>
          {saving.isError && <ErrorNotice error={saving.error} />}
          <TextInput
            label={t`Name for calls`} description={t`What callers write as the model, such as fast or team/auto`} required maxLength={128} value={wanted.modelName} onChange={(event) => change({ modelName: event.currentTarget.value })}
            error={error("modelName", "model_name")}
          />
          {model === undefined && <ScopeChoice label={t`Owner`} value={wanted.owner} onChange={(owner) => change({ owner })} kinds={["organization", "groups"]} error={error("owner", "owner")} />}
          <MultiSelect
            label={t`Candidates`} description={t`The models that may serve it, the baseline included. At most ${mostCandidates}`} required searchable hidePickedOptions maxValues={mostCandidates} value={[...wanted.candidates]}
            onChange={(candidates) => change({ candidates })} data={data.models.map((one) => one.name.replace(/^models\//, ""))} limit={100} error={error("candidates", "candidate_models")}
          />
          <NativeSelect
            label={t`Baseline`} description={t`Serves what no other may serve. Savings are measured against it.`} required value={wanted.baseline} onChange={(event) => change({ baseline: event.currentTarget.value })}
            data={[{ value: "", label: t`Choose one` }, ...wanted.candidates.map((name) => ({ value: name, label: name }))]} error={error("baseline", "baseline_model")}
          />
          <Losses wanted={wanted} change={change} error={error("losses", "measured_losses")} />
          <Group><Button type="submit" loading={saving.isPending}>{model === undefined ? <Trans>Create the virtual model</Trans> : <Trans>Save the virtual model</Trans>}</Button></Group>
        </Stack>
      </form>
    </Surface>
  );
}

interface LossesProps {
  readonly wanted: Wanted;
  readonly change: (part: Partial<Wanted>) => void;
  readonly error: string | undefined;
}

function Losses({ wanted, change, error }: LossesProps) {
  const { t } = useLingui();
  const { losses } = wanted;
  const set = (index: number, part: Partial<WantedLoss>): void => change({ losses: losses.map((one, at) => (at === index ? { ...one, ...part } : one)) });
  return (
    <Stack gap="xs" role="group" aria-label={t`Measured losses`}>
      <Text size="sm" fw={600}><Trans>Measured losses</Trans></Text>
      <Text size="xs" c="dimmed"><Trans>A candidate without a measurement for a use case serves no call of it. With a score, it serves only calls up to the highest score. Calls without a tag use-case have the name of the virtual model as theirs.</Trans></Text>
      {losses.map((one, index) => (
        <Group key={index} gap="xs" align="flex-start" className="surface" p="xs" style={{ rowGap: 8 }}>
          <TextInput aria-label={t`Use case`} placeholder={t`Use case`} maxLength={64} value={one.useCase} onChange={(event) => set(index, { useCase: event.currentTarget.value })} style={{ flex: "2 1 120px" }} />
          <NativeSelect
            aria-label={t`Candidate`} value={one.model} onChange={(event) => set(index, { model: event.currentTarget.value })} style={{ flex: "3 1 160px" }}
            data={[{ value: "", label: t`Candidate` }, ...wanted.candidates.filter((name) => name !== wanted.baseline).map((name) => ({ value: name, label: name }))]}
          />
          <TextInput aria-label={t`Loss in percent`} placeholder="%" inputMode="decimal" value={one.percent} onChange={(event) => set(index, { percent: event.currentTarget.value })} style={{ flex: "1 1 70px" }} />
          <NativeSelect
            aria-label={t`Which calls`} value={one.score} onChange={(event) => set(index, { score: event.currentTarget.value })} style={{ flex: "1 1 130px" }}
            data={[{ value: "", label: t`Every call` }, ...scores.map((score) => ({ value: score, label: t`By score ${score}` }))]}
          />
          {one.score !== "" && (
            <>
              <TextInput aria-label={t`Version of the weights`} placeholder={t`Weights`} inputMode="numeric" value={one.weights} onChange={(event) => set(index, { weights: event.currentTarget.value })} style={{ flex: "1 1 90px" }} />
              <TextInput aria-label={t`Highest score`} placeholder={t`At most`} inputMode="numeric" value={one.atMost} onChange={(event) => set(index, { atMost: event.currentTarget.value })} style={{ flex: "1 1 90px" }} />
            </>
          )}
          <ActionIcon variant="subtle" color="gray" size={36} aria-label={t`Remove this loss`} onClick={() => change({ losses: losses.filter((_, at) => at !== index) })}><Icon name="close" size={16} /></ActionIcon>
        </Group>
      ))}
      {error !== undefined && <Text size="xs" c="red">{error}</Text>}
      <div><Button size="xs" variant="default" leftSection={<Icon name="plus" size={14} />} onClick={() => change({ losses: [...losses, { useCase: wanted.modelName, model: "", percent: "", score: "", weights: "", atMost: "" }] })}><Trans>Add a loss</Trans></Button></div>
    </Stack>
  );
}

const scores = ["1", "2", "3", "4"];

function wantedLoss({ useCase, modelName, lossBasisPoints, scoreLimit }: VirtualModel_MeasuredLoss): WantedLoss {
  const { number, weightsVersion, atMost } = scoreLimit ?? {};
  return { useCase, model: modelName, percent: String(lossBasisPoints / 100), score: textOf(number), weights: textOf(weightsVersion), atMost: textOf(atMost) };
}

function measuredLoss({ useCase, model, percent, score, weights, atMost }: WantedLoss) {
  return {
    useCase: useCase.trim(), modelName: model, lossBasisPoints: basisPointsOf(percent) ?? 0,
    ...(score === "" ? {} : { scoreLimit: { number: Number(score), weightsVersion: BigInt(weights.trim()), atMost: Number(atMost.trim().replace("−", "-")) } }),
  };
}

function isComplete({ useCase, model, percent, score, weights, atMost }: WantedLoss): boolean {
  const hasScore = score === "" || (/^[1-9]\d{0,14}$/.test(weights.trim()) && /^[−-]?\d{1,7}$/.test(atMost.trim()));
  return useCase.trim() !== "" && model !== "" && basisPointsOf(percent) !== undefined && hasScore;
}

const textOf = (value: bigint | number | undefined): string => (value === undefined ? "" : String(value));

/** Reads a percentage such as `0.5` or `-1`, as hundredths of a percent. */
function basisPointsOf(text: string): number | undefined {
  return /^[−-]?\d{1,3}(\.\d{1,2})?$/.test(text.trim()) ? Math.round(Number(text.trim().replace("−", "-")) * 100) : undefined;
}
