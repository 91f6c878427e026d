import { create } from "@bufbuild/protobuf";
import { type DefaultLimits, type GuardrailDefault, GuardrailDefaults, GuardrailSchema } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Checkbox, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import { useSaving } from "../../hooks/saving";
import { AmountField, CountField } from "../fields/AmountField";
import { CycleField, ModelsField } from "../fields/LimitFields";
import { type GuardrailTexts, guardrailFrom, isRight, textsOf } from "./texts";

/** A default has the limits of a guardrail, as far as it has them. */
function asTexts(limits: DefaultLimits | undefined): GuardrailTexts {
  if (limits === undefined) return textsOf(create(GuardrailSchema));
  const { $typeName: _, ...fields } = limits;
  return textsOf(create(GuardrailSchema, fields));
}

function limitsFrom(texts: GuardrailTexts) {
  const { budgetNanoCredits, cycle, requestsPerMinute, tokensPerMinute, concurrencyLimit, modelWhitelist, rateLimits, keyLimit, rollover } = guardrailFrom(texts, create(GuardrailSchema));
  const fields = { budgetNanoCredits, requestsPerMinute, tokensPerMinute, concurrencyLimit, modelWhitelist, keyLimit, rollover };
  const set = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  if (Object.keys(set).length === 0 && (rateLimits ?? []).length === 0) return undefined;
  return { ...set, cycle: cycle ?? 0, rateLimits: rateLimits ?? [] };
}

/** Changes what new members and new keys begin with. What exists stays as it is. */
export function DefaultForm({ value, may }: { readonly value: GuardrailDefault; readonly may: boolean }) {
  const { t } = useLingui();
  const [members, setMembers] = useState(() => asTexts(value.memberLimits));
  const [keys, setKeys] = useState(() => asTexts(value.keyLimits));
  const saving = useSaving(GuardrailDefaults.method.updateGuardrailDefault, t`The default was saved.`);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const [memberLimits, keyLimits] = [limitsFrom(members), limitsFrom(keys)];
    saving.save({ guardrailDefault: { name: value.name, etag: value.etag, ...(memberLimits === undefined ? {} : { memberLimits }), ...(keyLimits === undefined ? {} : { keyLimits }) }, updateMask: { paths: ["member_limits", "key_limits"] } });
  };
  return (
    <form onSubmit={submit} noValidate>
      <fieldset disabled={!may} style={{ border: 0, padding: 0, margin: 0 }}>
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
          <Limits title={t`New members`} texts={members} change={setMembers} path="guardrail_default.member_limits" violation={saving.violation} withKeys />
          <Limits title={t`New keys`} texts={keys} change={setKeys} path="guardrail_default.key_limits" violation={saving.violation} />
        </SimpleGrid>
        <Stack gap="md" mt="md">
          {saving.isError && <ErrorNotice error={saving.error} />}
          <Group gap="sm"><Button type="submit" loading={saving.isPending} disabled={!may || !isRight(members) || !isRight(keys)}><Trans>Save</Trans></Button><Text size="sm" c="dimmed"><Trans>It changes nothing that exists.</Trans></Text></Group>
        </Stack>
      </fieldset>
    </form>
  );
}

interface LimitsProps {
  readonly title: string;
  readonly texts: GuardrailTexts;
  readonly change: (texts: GuardrailTexts) => void;
  readonly path: string;
  readonly violation: (field: string) => string | undefined;
  readonly withKeys?: boolean;
}

function Limits({ title, texts, change, path, violation, withKeys = false }: LimitsProps) {
  const { t } = useLingui();
  const set = (part: Partial<GuardrailTexts>): void => change({ ...texts, ...part });
  return (
    <Stack gap="sm" role="group" aria-label={title}>
      <Text fw={600}>{title}</Text>
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <AmountField label={t`Budget in credits`} description={t`Empty: nothing from here`} value={texts.budget} onChange={(budget) => set({ budget })} error={violation(`${path}.budget_nano_credits`)} />
        <CycleField value={texts.cycle} onChange={(cycle) => set({ cycle })} disabled={texts.budget === ""} error={violation(`${path}.cycle`)} />
        <CountField label={t`Requests per minute`} value={texts.requests} onChange={(requests) => set({ requests })} error={violation(`${path}.requests_per_minute`)} />
        <CountField label={t`Tokens per minute`} value={texts.tokens} onChange={(tokens) => set({ tokens })} error={violation(`${path}.tokens_per_minute`)} />
        <CountField label={t`Concurrent calls`} value={texts.concurrency} onChange={(concurrency) => set({ concurrency })} error={violation(`${path}.concurrency_limit`)} />
        {withKeys && <CountField label={t`Keys`} value={texts.keys} onChange={(count) => set({ keys: count })} error={violation(`${path}.key_limit`)} />}
      </SimpleGrid>
      <Checkbox label={t`Carry what is left into the next period`} checked={texts.carries} disabled={texts.budget === ""} onChange={(event) => set({ carries: event.currentTarget.checked })} />
      <Checkbox label={t`Only certain models`} checked={texts.whitelisted} onChange={(event) => set({ whitelisted: event.currentTarget.checked })} />
      {texts.whitelisted && <ModelsField label={t`Models`} description={t`Such as gpt-4o-mini, openai/* or provider:openai. Empty: no model at all`} value={texts.models} onChange={(models) => set({ models })} error={violation(`${path}.model_whitelist.entries`)} />}
    </Stack>
  );
}
