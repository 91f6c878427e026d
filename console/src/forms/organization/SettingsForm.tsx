import { durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { type Organization, Organization_BudgetMode, Organization_ExpiredHoldPolicy, Organization_InputEstimate, Organizations } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Checkbox, Group, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import { useSaving } from "../../hooks/saving";
import { CountField, parseCount } from "../fields/AmountField";

const dayMs = 24 * 3600_000;
const changed = ["display_name", "time_zone", "billing_email", "budget_mode", "input_estimate", "expired_hold_policy", "key_requirements"];

function textsOf(organization: Organization) {
  const life = organization.keyRequirements?.maxLifeDuration;
  return {
    displayName: organization.displayName, timeZone: organization.timeZone, billingEmail: organization.billingEmail,
    budgetMode: organization.budgetMode, inputEstimate: organization.inputEstimate, expiredHoldPolicy: organization.expiredHoldPolicy,
    keyDays: life === undefined ? "" : String(Math.floor(durationMs(life) / dayMs)),
    needsWhitelist: organization.keyRequirements?.requiresModelWhitelist ?? false, needsBudget: organization.keyRequirements?.requiresBudget ?? false,
  };
}

type Texts = ReturnType<typeof textsOf>;

/** What an organization is called, how its budgets work, and what its keys must have. */
export function SettingsForm({ organization }: { readonly organization: Organization }) {
  const { t } = useLingui();
  const [texts, setTexts] = useState(() => textsOf(organization));
  const saving = useSaving(Organizations.method.updateOrganization, t`The settings were saved.`);
  const change = (part: Partial<Texts>): void => setTexts({ ...texts, ...part });
  const days = parseCount(texts.keyDays);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const { keyDays: _, needsWhitelist, needsBudget, ...fields } = texts;
    const keyRequirements = { requiresModelWhitelist: needsWhitelist, requiresBudget: needsBudget, ...(days === undefined ? {} : { maxLifeDuration: durationFromMs(Number(days) * dayMs) }) };
    const isRequiring = needsWhitelist || needsBudget || days !== undefined;
    saving.save({ organization: { ...fields, name: organization.name, etag: organization.etag, ...(isRequiring ? { keyRequirements } : {}) }, updateMask: { paths: changed } });
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md" maw={620}>
        <TextInput label={t`Name`} required maxLength={200} value={texts.displayName} onChange={(event) => change({ displayName: event.currentTarget.value })} error={saving.violation("organization.display_name")} />
        <TimeZoneField value={texts.timeZone} onChange={(timeZone) => change({ timeZone })} isChanged={texts.timeZone !== organization.timeZone} error={saving.violation("organization.time_zone")} />
        <TextInput label={t`E-mail address for invoices`} description={t`Empty: none`} type="email" value={texts.billingEmail} onChange={(event) => change({ billingEmail: event.currentTarget.value })} error={saving.violation("organization.billing_email")} />
        <BudgetPolicies texts={texts} change={change} />
        <Text size="sm" fw={600} mt="xs"><Trans>What every new or changed key must have</Trans></Text>
        <CountField label={t`It ends after at most so many days`} description={t`Empty: it need not end`} value={texts.keyDays} onChange={(keyDays) => change({ keyDays })} error={saving.violation("organization.key_requirements.max_life_duration")} />
        <Checkbox label={t`A list of models`} checked={texts.needsWhitelist} onChange={(event) => change({ needsWhitelist: event.currentTarget.checked })} />
        <Checkbox label={t`A budget of its own`} checked={texts.needsBudget} onChange={(event) => change({ needsBudget: event.currentTarget.checked })} />
        {saving.isError && <ErrorNotice error={saving.error} />}
        <Group><Button type="submit" loading={saving.isPending} disabled={texts.displayName.trim() === "" || (texts.keyDays !== "" && days === undefined)}><Trans>Save</Trans></Button></Group>
      </Stack>
    </form>
  );
}

function TimeZoneField({ value, onChange, isChanged, error }: { readonly value: string; readonly onChange: (zone: string) => void; readonly isChanged: boolean; readonly error: string | undefined }) {
  const { t } = useLingui();
  const zones = Intl.supportedValuesOf("timeZone");
  return (
    <NativeSelect
      label={t`Time zone`} description={isChanged ? t`Budgets follow the new calendar at once: what was spent since the new cycle began counts in it.` : t`Its midnight starts days, weeks and months of budgets`} value={value} onChange={(event) => onChange(event.currentTarget.value)} error={error}
      data={zones.includes(value) ? zones : [value, ...zones]}
    />
  );
}

function BudgetPolicies({ texts, change }: { readonly texts: Texts; readonly change: (part: Partial<Texts>) => void }) {
  const { t } = useLingui();
  return (
    <>
      <NativeSelect
        label={t`How hard budgets are`} value={String(texts.budgetMode || Organization_BudgetMode.STRICT)} onChange={(event) => change({ budgetMode: Number(event.currentTarget.value) })}
        data={[{ value: String(Organization_BudgetMode.STRICT), label: t`Strict: a call reserves the most that it can cost` }, { value: String(Organization_BudgetMode.BALANCED), label: t`Balanced: it reserves what it is expected to cost` }]}
      />
      <NativeSelect
        label={t`How many input tokens a call is expected to have`} value={String(texts.inputEstimate || Organization_InputEstimate.BALANCED)} onChange={(event) => change({ inputEstimate: Number(event.currentTarget.value) })}
        data={[{ value: String(Organization_InputEstimate.BALANCED), label: t`Balanced: one for four bytes` }, { value: String(Organization_InputEstimate.STRICT), label: t`Strict: one for each byte` }]}
      />
      <NativeSelect
        label={t`What a call costs if the provider never reported its usage`} value={String(texts.expiredHoldPolicy || Organization_ExpiredHoldPolicy.CHARGE_HOLD)} onChange={(event) => change({ expiredHoldPolicy: Number(event.currentTarget.value) })}
        data={[
          { value: String(Organization_ExpiredHoldPolicy.CHARGE_HOLD), label: t`All that it reserved` }, { value: String(Organization_ExpiredHoldPolicy.CHARGE_INPUT), label: t`What it reserved for its input` },
          { value: String(Organization_ExpiredHoldPolicy.RELEASE), label: t`Nothing` },
        ]}
      />
    </>
  );
}
