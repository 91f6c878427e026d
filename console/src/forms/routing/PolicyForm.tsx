import { type RoutingPolicy, RoutingPolicies, RoutingPolicy_Mode, RoutingPolicy_Tier } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { ActionIcon, Button, Checkbox, Group, NativeSelect, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import { useSaving } from "../../hooks/saving";
import { useMode } from "../../pages/catalog/labels";
import { Icon } from "../../ui/Icon";

interface WantedFloor {
  readonly useCase: string;
  readonly tier: RoutingPolicy_Tier;
}

interface Wanted {
  readonly mode: RoutingPolicy_Mode;
  readonly maxLoss: string;
  readonly holdout: string;
  readonly degradeAt: string;
  readonly maxPriceModel: string;
  readonly forbidOverride: boolean;
  readonly floors: readonly WantedFloor[];
}

const fields = ["mode", "max_loss_basis_points", "floors", "forbid_override", "max_price_model", "holdout_percent", "degrade_at_percent"];

/** What a scope says about routing. What is empty is as the scope above says. `blocked` says why it cannot be changed. */
export function PolicyForm({ policy, blocked }: { readonly policy: RoutingPolicy; readonly blocked: string | undefined }) {
  const { t } = useLingui();
  const modeName = useMode();
  const [wanted, setWanted] = useState<Wanted>(() => wantedOf(policy));
  const [checked, setChecked] = useState(false);
  const saving = useSaving(RoutingPolicies.method.updateRoutingPolicy, t`The policy is saved. It takes effect within a second.`);
  const change = (part: Partial<Wanted>): void => setWanted({ ...wanted, ...part });
  const problems = {
    maxLoss: isPercent(wanted.maxLoss, 100, 2) ? undefined : t`Enter a percentage from 0 to 100.`,
    holdout: isPercent(wanted.holdout, 50, 0) ? undefined : t`Enter a whole number from 0 to 50.`,
    degradeAt: isPercent(wanted.degradeAt, 99, 0) && wanted.degradeAt !== "0" ? undefined : t`Enter a whole number from 1 to 99.`,
    floors: wanted.floors.some((floor) => floor.useCase.trim() === "") ? t`Each needs a use case.` : undefined,
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setChecked(true);
    if (Object.values(problems).some((problem) => problem !== undefined)) return;
    saving.save({ routingPolicy: { name: policy.name, etag: policy.etag, ...policyOf(wanted) }, updateMask: { paths: fields } });
  };
  const error = (name: keyof typeof problems, field: string): string | undefined => (checked ? problems[name] : undefined) ?? saving.violation(`routing_policy.${field}`);
  const isBlocked = blocked !== undefined;
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md" maw={720}>
        {saving.isError && <ErrorNotice error={saving.error} />}
        <NativeSelect
          label={t`Mode`} value={String(wanted.mode)} disabled={isBlocked} onChange={(event) => change({ mode: Number(event.currentTarget.value) as RoutingPolicy_Mode })}
          data={[RoutingPolicy_Mode.UNSPECIFIED, RoutingPolicy_Mode.OFF, RoutingPolicy_Mode.SHADOW, RoutingPolicy_Mode.LIVE].map((mode) => ({ value: String(mode), label: modeName(mode) }))}
        />
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <TextInput label={t`Most loss, in percent`} description={t`How much worse than the baseline's the answers may be`} inputMode="decimal" disabled={isBlocked} value={wanted.maxLoss} onChange={(event) => change({ maxLoss: event.currentTarget.value })} error={error("maxLoss", "max_loss_basis_points")} />
          <TextInput label={t`Held out for comparison`} description={t`Of 100 conversations that the baseline serves`} inputMode="numeric" disabled={isBlocked} value={wanted.holdout} onChange={(event) => change({ holdout: event.currentTarget.value })} error={error("holdout", "holdout_percent")} />
          <TextInput label={t`Cheaper from a share of a budget on`} description={t`In percent. Empty: budgets change no model`} inputMode="numeric" disabled={isBlocked} value={wanted.degradeAt} onChange={(event) => change({ degradeAt: event.currentTarget.value })} error={error("degradeAt", "degrade_at_percent")} />
          <TextInput label={t`No more expensive than this model`} description={t`Routing never chooses a more expensive model`} maxLength={128} disabled={isBlocked} value={wanted.maxPriceModel} onChange={(event) => change({ maxPriceModel: event.currentTarget.value })} error={saving.violation("routing_policy.max_price_model")} />
        </SimpleGrid>
        <Floors floors={wanted.floors} change={(floors) => change({ floors })} isBlocked={isBlocked} error={error("floors", "floors")} />
        <Checkbox label={t`Callers may not choose a model by the header x-route`} checked={wanted.forbidOverride} disabled={isBlocked} onChange={(event) => change({ forbidOverride: event.currentTarget.checked })} />
        <Group gap="md"><Button type="submit" loading={saving.isPending} disabled={isBlocked}><Trans>Save the policy</Trans></Button>{isBlocked && <Text size="sm" c="dimmed">{blocked}</Text>}</Group>
      </Stack>
    </form>
  );
}

interface FloorsProps {
  readonly floors: readonly WantedFloor[];
  readonly change: (floors: readonly WantedFloor[]) => void;
  readonly isBlocked: boolean;
  readonly error: string | undefined;
}

function Floors({ floors, change, isBlocked, error }: FloorsProps) {
  const { t } = useLingui();
  const set = (index: number, part: Partial<WantedFloor>): void => change(floors.map((one, at) => (at === index ? { ...one, ...part } : one)));
  return (
    <Stack gap="xs" role="group" aria-label={t`Lowest tiers`}>
      <Text size="sm" fw={600}><Trans>Lowest tiers</Trans></Text>
      <Text size="xs" c="dimmed"><Trans>A use case whose calls no lighter model may serve. They replace those of the scopes above.</Trans></Text>
      {floors.map((floor, index) => (
        <Group key={index} gap="xs" align="flex-start" wrap="nowrap">
          <TextInput aria-label={t`Use case`} placeholder={t`Use case`} maxLength={64} disabled={isBlocked} value={floor.useCase} onChange={(event) => set(index, { useCase: event.currentTarget.value })} style={{ flex: 1 }} />
          <NativeSelect
            aria-label={t`Tier`} disabled={isBlocked} value={String(floor.tier)} onChange={(event) => set(index, { tier: Number(event.currentTarget.value) as RoutingPolicy_Tier })} style={{ flex: 1 }}
            data={[{ value: String(RoutingPolicy_Tier.LIGHT), label: t`Light` }, { value: String(RoutingPolicy_Tier.STANDARD), label: t`Standard` }, { value: String(RoutingPolicy_Tier.TOP), label: t`Top` }]}
          />
          <ActionIcon variant="subtle" color="gray" size={36} disabled={isBlocked} aria-label={t`Remove this tier`} onClick={() => change(floors.filter((_, at) => at !== index))}><Icon name="close" size={16} /></ActionIcon>
        </Group>
      ))}
      {error !== undefined && <Text size="xs" c="red">{error}</Text>}
      <div><Button size="xs" variant="default" disabled={isBlocked} leftSection={<Icon name="plus" size={14} />} onClick={() => change([...floors, { useCase: "", tier: RoutingPolicy_Tier.STANDARD }])}><Trans>Add a tier</Trans></Button></div>
    </Stack>
  );
}

function wantedOf(policy: RoutingPolicy): Wanted {
  return {
    mode: policy.mode, maxLoss: policy.maxLossBasisPoints === undefined ? "" : String(policy.maxLossBasisPoints / 100), holdout: policy.holdoutPercent === undefined ? "" : String(policy.holdoutPercent),
    degradeAt: policy.degradeAtPercent === undefined ? "" : String(policy.degradeAtPercent), maxPriceModel: policy.maxPriceModel, forbidOverride: policy.forbidOverride,
    floors: policy.floors.map(({ useCase, tier }) => ({ useCase, tier })),
  };
}

function policyOf(wanted: Wanted) {
  const { mode, forbidOverride } = wanted;
  return {
    mode, forbidOverride, maxPriceModel: wanted.maxPriceModel.trim(), floors: wanted.floors.map((floor) => ({ useCase: floor.useCase.trim(), tier: floor.tier })),
    ...(wanted.maxLoss === "" ? {} : { maxLossBasisPoints: Math.round(Number(wanted.maxLoss) * 100) }), ...(wanted.holdout === "" ? {} : { holdoutPercent: Number(wanted.holdout) }),
    ...(wanted.degradeAt === "" ? {} : { degradeAtPercent: Number(wanted.degradeAt) }),
  };
}

/** Whether a text is empty, or a number up to `most` with at most so many decimals. */
function isPercent(text: string, most: number, decimals: number): boolean {
  return text === "" || (new RegExp(`^\\d{1,3}${decimals > 0 ? `(\\.\\d{1,${decimals}})?` : ""}$`).test(text) && Number(text) <= most);
}
