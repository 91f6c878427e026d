import { type Guardrail, Guardrails } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Checkbox, Group, SimpleGrid, Stack, Switch, Text } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { ErrorNotice } from "../../components/ErrorNotice";
import { useSaving } from "../../hooks/saving";
import { AmountField, CountField } from "../fields/AmountField";
import { CycleField, ModelsField } from "../fields/LimitFields";
import { Effect } from "./Effect";
import { ModelBudgetRows, RateRows } from "./Rows";
import { ThresholdField } from "./ThresholdField";
import { type GuardrailTexts, guardrailFrom, isRight, textsOf, writtenFields } from "./texts";

/** Changes the limits of a scope: first what would change, as the service says, then the change. */
export function GuardrailForm({ guardrail }: { readonly guardrail: Guardrail }) {
  const { t } = useLingui();
  const [texts, setTexts] = useState(() => textsOf(guardrail));
  const [rehearsed, setRehearsed] = useState<Guardrail | undefined>(undefined);
  const rehearsal = useSaving(Guardrails.method.updateGuardrail);
  const saving = useSaving(Guardrails.method.updateGuardrail, t`The guardrail was changed.`);
  const kind = kindOf(guardrail);
  const paths = [...writtenFields, "soft_budget", "model_budgets", ...(kind === "organization" ? ["key_limit", "seat_limit"] : kind === "member" || kind === "serviceaccount" ? ["key_limit"] : [])];
  const request = { guardrail: guardrailFrom(texts, guardrail), updateMask: { paths } };
  const change = (part: Partial<GuardrailTexts>): void => setTexts({ ...texts, ...part });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    rehearsal.save({ ...request, validateOnly: true }, setRehearsed);
  };
  const violation = (field: string): string | undefined => rehearsal.violation(`guardrail.${field}`);
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md" maw={680}>
        <BudgetFields texts={texts} change={change} violation={violation} />
        <SimpleGrid cols={{ base: 1, xs: 3 }} style={{ alignItems: "end" }}>
          <CountField label={t`Requests per minute`} value={texts.requests} onChange={(requests) => change({ requests })} error={violation("requests_per_minute")} />
          <CountField label={t`Tokens per minute`} value={texts.tokens} onChange={(tokens) => change({ tokens })} error={violation("tokens_per_minute")} />
          <CountField label={t`Concurrent calls`} value={texts.concurrency} onChange={(concurrency) => change({ concurrency })} error={violation("concurrency_limit")} />
        </SimpleGrid>
        <RateRows rates={texts.rates} onChange={(rates) => change({ rates })} error={violation("rate_limits")} />
        <Checkbox label={t`Only certain models`} checked={texts.whitelisted} onChange={(event) => change({ whitelisted: event.currentTarget.checked })} />
        {texts.whitelisted && <ModelsField label={t`Models`} description={t`Such as gpt-4o-mini, openai/* or provider:openai. Empty: no model at all`} value={texts.models} onChange={(models) => change({ models })} error={violation("model_whitelist.entries")} />}
        {kind !== "group" && kind !== "apikey" && (
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <CountField label={t`Keys`} description={t`How many there may be`} value={texts.keys} onChange={(keys) => change({ keys })} error={violation("key_limit")} />
            {kind === "organization" && <CountField label={t`Seats`} description={t`How many members there may be`} value={texts.seats} onChange={(seats) => change({ seats })} error={violation("seat_limit")} />}
          </SimpleGrid>
        )}
        <Switch label={t`Shadow mode`} description={t`Calls that do not fit pass, and are counted. Try limits out with it.`} checked={texts.isShadow} onChange={(event) => change({ isShadow: event.currentTarget.checked })} />
        {rehearsal.isError && <ErrorNotice error={rehearsal.error} />}
        <Group gap="sm"><Button type="submit" loading={rehearsal.isPending} disabled={!isRight(texts)}><Trans>Show the effect</Trans></Button><Text size="sm" c="dimmed"><Trans>Nothing changes before you confirm.</Trans></Text></Group>
      </Stack>
      {rehearsed !== undefined && (
        <Confirmation opened close={() => setRehearsed(undefined)} title={<Trans>Change the guardrail?</Trans>} about={guardrail.scopeDisplayName || idOf(guardrail.scope)} verb={<Trans>Change</Trans>} mutation={saving} confirm={() => saving.save(request, () => setRehearsed(undefined))}>
          <Effect before={guardrail} after={rehearsed} />
        </Confirmation>
      )}
    </form>
  );
}

/** The kind of the scope, by the name of the guardrail: `group`, `member` … */
export function kindOf({ name }: Guardrail): string {
  return name.slice(name.lastIndexOf("/") + 1).split("-")[0] ?? "";
}

interface FieldsProps {
  readonly texts: GuardrailTexts;
  readonly change: (part: Partial<GuardrailTexts>) => void;
  readonly violation: (field: string) => string | undefined;
}

function BudgetFields({ texts, change, violation }: FieldsProps) {
  const { t } = useLingui();
  const without = texts.budget === "";
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <AmountField label={t`Budget in credits`} description={t`Empty: no budget of its own`} value={texts.budget} onChange={(budget) => change({ budget })} error={violation("budget_nano_credits")} />
        <CycleField value={texts.cycle} onChange={(cycle) => change({ cycle })} disabled={without} error={violation("cycle")} />
      </SimpleGrid>
      {!without && (
        <>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <ThresholdField label={t`Warn from`} description={t`Empty: not before it is spent`} value={texts.soft} onChange={(soft) => change({ soft })} error={violation("soft_budget.percent") ?? violation("soft_budget.amount_nano_credits")} />
            <AmountField label={t`Carry over at most`} description={t`Credits. Empty: up to one budget`} value={texts.carryCap} disabled={!texts.carries} onChange={(carryCap) => change({ carryCap })} error={violation("rollover.cap_nano_credits")} />
          </SimpleGrid>
          <Checkbox label={t`Carry what is left into the next period`} checked={texts.carries} onChange={(event) => change({ carries: event.currentTarget.checked })} error={violation("rollover")} />
          <Checkbox label={t`Only report: calls beyond the budget pass`} checked={texts.soft.only} onChange={(event) => change({ soft: { ...texts.soft, only: event.currentTarget.checked } })} error={violation("soft_budget")} />
          {texts.soft.only && <Alert color="orange" variant="light"><Trans>The budget then stops nothing, not even what admins below may set.</Trans></Alert>}
        </>
      )}
      <ModelBudgetRows budgets={texts.modelBudgets} onChange={(modelBudgets) => change({ modelBudgets })} error={violation("model_budgets")} />
    </>
  );
}
