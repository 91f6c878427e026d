import { Guardrail_Cycle } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";
import { NativeSelect, SimpleGrid, TagsInput } from "@mantine/core";

import { parseCredits } from "../../util/credits";
import { AmountField, CountField, parseCount } from "./AmountField";

/** Limits as a person writes them. Empty: none. */
export interface LimitTexts {
  readonly budget: string;
  readonly cycle: Guardrail_Cycle;
  readonly requests: string;
  readonly models: readonly string[];
}

export const noLimitTexts: LimitTexts = { budget: "", cycle: Guardrail_Cycle.MONTHLY, requests: "", models: [] };

export function isRight({ budget, requests }: LimitTexts): boolean {
  return (budget === "" || parseCredits(budget) !== undefined) && (requests === "" || parseCount(requests) !== undefined);
}

/** The limits that a new member begins with; undefined without any. */
export function memberLimitsOf({ budget, cycle, requests, models }: LimitTexts) {
  const amount = parseCredits(budget);
  const rpm = parseCount(requests);
  if (amount === undefined && rpm === undefined && models.length === 0) return undefined;
  return {
    ...(amount === undefined ? {} : { budgetNanoCredits: amount, cycle }), ...(rpm === undefined ? {} : { requestsPerMinute: Number(rpm) }),
    ...(models.length === 0 ? {} : { modelWhitelist: { entries: [...models] } }),
  };
}

/** How often a budget starts again. */
export function CycleField({ value, onChange, disabled = false, error }: { readonly value: Guardrail_Cycle; readonly onChange: (cycle: Guardrail_Cycle) => void; readonly disabled?: boolean; readonly error?: string | undefined }) {
  const { t } = useLingui();
  return (
    <NativeSelect
      label={t`The budget starts again`} description={t`In the organization's time zone`} value={String(value)} disabled={disabled} error={error} onChange={(event) => onChange(Number(event.currentTarget.value))}
      data={[
        { value: String(Guardrail_Cycle.DAILY), label: t`Daily` }, { value: String(Guardrail_Cycle.WEEKLY), label: t`Weekly` },
        { value: String(Guardrail_Cycle.MONTHLY), label: t`Monthly` }, { value: String(Guardrail_Cycle.NEVER), label: t`Never` },
      ]}
    />
  );
}

interface LimitFieldsProps {
  readonly value: LimitTexts;
  readonly onChange: (limits: LimitTexts) => void;
  readonly violation: (field: string) => string | undefined;
  /** Where the limits are in the request, such as `invite.member_limits`. */
  readonly path: string;
}

/** The limits that people set most. */
export function LimitFields({ value, onChange, violation, path }: LimitFieldsProps) {
  const { t } = useLingui();
  const change = (part: Partial<LimitTexts>): void => onChange({ ...value, ...part });
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <AmountField label={t`Budget in credits`} description={t`Empty: no budget of its own`} value={value.budget} onChange={(budget) => change({ budget })} error={violation(`${path}.budget_nano_credits`)} />
        <CycleField value={value.cycle} onChange={(cycle) => change({ cycle })} disabled={value.budget === ""} error={violation(`${path}.cycle`)} />
      </SimpleGrid>
      <CountField label={t`Requests per minute`} description={t`Empty: no limit of its own`} value={value.requests} onChange={(requests) => change({ requests })} error={violation(`${path}.requests_per_minute`)} />
      <ModelsField value={value.models} onChange={(models) => change({ models })} error={violation(`${path}.model_whitelist.entries`)} />
    </>
  );
}

export function ModelsField({ value, onChange, error, label, description }: { readonly value: readonly string[]; readonly onChange: (models: string[]) => void; readonly error?: string | undefined; readonly label?: string; readonly description?: string }) {
  const { t } = useLingui();
  return (
    <TagsInput label={label ?? t`Only these models`} description={description ?? t`Such as gpt-4o-mini or openai/*. Empty: every model that is allowed above`} value={[...value]} onChange={onChange} error={error} splitChars={[",", " ", ";"]} />
  );
}
