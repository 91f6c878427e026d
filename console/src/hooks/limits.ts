import { GuardrailSchema, Guardrail_Cycle, Guardrail_Mode, Guardrail_RateLimit_Unit, type Guardrail, type Guardrail_SoftBudget } from "@megarouter/admin";
import { create } from "@bufbuild/protobuf";
import { useLingui } from "@lingui/react/macro";

import { formatCredits } from "../util/credits";
import { formatCount, formatPercent } from "../util/numbers";
import { useLanguage } from "./language";

export function useCycleName(): (cycle: Guardrail_Cycle) => string {
  const { t } = useLingui();
  return (cycle) =>
    ({
      [Guardrail_Cycle.UNSPECIFIED]: t`for all time`, [Guardrail_Cycle.NEVER]: t`for all time`, [Guardrail_Cycle.DAILY]: t`daily`,
      [Guardrail_Cycle.WEEKLY]: t`weekly`, [Guardrail_Cycle.MONTHLY]: t`monthly`,
    })[cycle];
}

export function useUnitName(): (unit: Guardrail_RateLimit_Unit) => string {
  const { t } = useLingui();
  return (unit) =>
    ({
      [Guardrail_RateLimit_Unit.UNSPECIFIED]: "", [Guardrail_RateLimit_Unit.SECOND]: t`second`, [Guardrail_RateLimit_Unit.MINUTE]: t`minute`,
      [Guardrail_RateLimit_Unit.HOUR]: t`hour`, [Guardrail_RateLimit_Unit.DAY]: t`day`,
    })[unit];
}

/** A limit as people read it. */
export interface Limit {
  readonly id: string;
  readonly label: string;
  readonly text: string;
}

/** The limits that a guardrail sets, in the order in which pages show them. */
export function useLimits(): (guardrail: Guardrail) => readonly Limit[] {
  const { t } = useLingui();
  const language = useLanguage();
  const cycleName = useCycleName();
  const unitName = useUnitName();
  return (guardrail) => {
    const count = (value: bigint | number): string => formatCount(value, language);
    const softText = (soft: Guardrail_SoftBudget | undefined): string => {
      const { threshold, softOnly } = soft ?? {};
      const from = threshold?.case === "percent" ? formatPercent(threshold.value, language) : threshold?.case === "amountNanoCredits" ? formatCredits(threshold.value, language) : undefined;
      return [from === undefined ? "" : t`warns from ${from} on`, softOnly === true ? t`refuses nothing` : ""].filter((text) => text !== "").join(", ");
    };
    const limits: (readonly [string, string, string | undefined])[] = [
      ["budget", t`Budget`, guardrail.budgetNanoCredits === undefined ? undefined : `${formatCredits(guardrail.budgetNanoCredits, language)} ${cycleName(guardrail.cycle)}`],
      ["requests_per_minute", t`Requests per minute`, guardrail.requestsPerMinute === undefined ? undefined : count(guardrail.requestsPerMinute)],
      ["tokens_per_minute", t`Tokens per minute`, guardrail.tokensPerMinute === undefined ? undefined : count(guardrail.tokensPerMinute)],
      ["concurrency_limit", t`Concurrent calls`, guardrail.concurrencyLimit === undefined ? undefined : count(guardrail.concurrencyLimit)],
      ["model_whitelist", t`Models`, guardrail.modelWhitelist === undefined ? undefined : guardrail.modelWhitelist.entries.join(", ") || t`none`],
      ["key_limit", t`Keys`, guardrail.keyLimit === undefined ? undefined : count(guardrail.keyLimit)],
      ["seat_limit", t`Seats`, guardrail.seatLimit === undefined ? undefined : count(guardrail.seatLimit)],
      ...guardrail.rateLimits.map((rate, index): readonly [string, string, string] => [
        `rate_limits.${index}`, rate.models === "" ? t`Every model` : rate.models,
        [rate.requests === undefined ? "" : t`${count(rate.requests)} requests per ${unitName(rate.unit)}`, rate.tokens === undefined ? "" : t`${count(rate.tokens)} tokens per ${unitName(rate.unit)}`].filter((text) => text !== "").join(", "),
      ]),
      ...guardrail.modelBudgets.map((budget, index): readonly [string, string, string] => [
        `model_budgets.${index}`, t`Budget for ${budget.models}`,
        [formatCredits(budget.budgetNanoCredits, language), budget.cycle === Guardrail_Cycle.UNSPECIFIED ? "" : cycleName(budget.cycle), softText(budget.softBudget)].filter((text) => text !== "").join(", "),
      ]),
      ["soft_budget", t`Warning`, softText(guardrail.softBudget) || undefined],
      ["rollover", t`Carried over`, guardrail.rollover?.enabled ? (guardrail.rollover.capNanoCredits === undefined ? t`up to one budget` : t`up to ${formatCredits(guardrail.rollover.capNanoCredits, language)}`) : undefined],
      ["mode", t`Mode`, guardrail.mode === Guardrail_Mode.SHADOW ? t`Shadow: counts, and refuses nothing` : undefined],
    ];
    return limits.flatMap(([id, label, text]) => (text === undefined ? [] : [{ id, label, text }]));
  };
}

/** A guardrail that limits nothing. */
export const noLimits = create(GuardrailSchema);
