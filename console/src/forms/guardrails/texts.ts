import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Guardrail, Guardrail_Cycle, Guardrail_Mode, Guardrail_RateLimit_Unit, type GuardrailSchema, type Guardrail_SoftBudgetSchema } from "@megarouter/admin";

import { nanoPerCredit, parseCredits } from "../../util/credits";
import { parseCount } from "../fields/AmountField";

/** The limits of a guardrail as a person writes them. Empty texts: no limit. */
export interface GuardrailTexts {
  readonly budget: string;
  readonly cycle: Guardrail_Cycle;
  readonly softPercent: string;
  readonly softOnly: boolean;
  readonly carries: boolean;
  readonly carryCap: string;
  readonly requests: string;
  readonly tokens: string;
  readonly concurrency: string;
  readonly keys: string;
  readonly seats: string;
  readonly whitelisted: boolean;
  readonly models: readonly string[];
  readonly rates: readonly RateTexts[];
  readonly modelBudgets: readonly ModelBudgetTexts[];
  readonly isShadow: boolean;
}

export interface RateTexts {
  readonly models: string;
  readonly unit: Guardrail_RateLimit_Unit;
  readonly requests: string;
  readonly tokens: string;
}

export interface ModelBudgetTexts {
  readonly models: string;
  readonly budget: string;
}

export const newRate: RateTexts = { models: "", unit: Guardrail_RateLimit_Unit.DAY, requests: "", tokens: "" };
export const newModelBudget: ModelBudgetTexts = { models: "", budget: "" };

/** Writes an amount as the field for it reads it: all its digits, and no separators. */
export function creditsText(nanoCredits: bigint | undefined): string {
  if (nanoCredits === undefined) return "";
  const fraction = (nanoCredits % nanoPerCredit).toString().padStart(9, "0").replace(/0+$/, "");
  return `${nanoCredits / nanoPerCredit}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Leaves out what is undefined. */
function present<T extends object>(fields: T): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [Name in keyof T]: Exclude<T[Name], undefined> };
}

const countText = (count: bigint | number | undefined): string => (count === undefined ? "" : String(count));

export function textsOf(guardrail: Guardrail): GuardrailTexts {
  const { softBudget, rollover } = guardrail;
  return {
    budget: creditsText(guardrail.budgetNanoCredits), cycle: guardrail.budgetNanoCredits === undefined ? Guardrail_Cycle.MONTHLY : guardrail.cycle || Guardrail_Cycle.NEVER,
    softPercent: softBudget?.threshold.case === "percent" ? String(softBudget.threshold.value) : "", softOnly: softBudget?.softOnly ?? false,
    carries: rollover?.enabled ?? false, carryCap: creditsText(rollover?.capNanoCredits),
    requests: countText(guardrail.requestsPerMinute), tokens: countText(guardrail.tokensPerMinute), concurrency: countText(guardrail.concurrencyLimit),
    keys: countText(guardrail.keyLimit), seats: countText(guardrail.seatLimit),
    whitelisted: guardrail.modelWhitelist !== undefined, models: guardrail.modelWhitelist?.entries ?? [],
    rates: guardrail.rateLimits.map((rate) => ({ models: rate.models, unit: rate.unit, requests: countText(rate.requests), tokens: countText(rate.tokens) })),
    modelBudgets: guardrail.modelBudgets.map((budget) => ({ models: budget.models, budget: creditsText(budget.budgetNanoCredits) })),
    isShadow: guardrail.mode === Guardrail_Mode.SHADOW,
  };
}

/** The fields that the form writes. What it has no field for stays as it is. */
export const writtenFields = ["budget_nano_credits", "cycle", "mode", "requests_per_minute", "tokens_per_minute", "concurrency_limit", "model_whitelist", "rate_limits", "rollover"];

export function isRight(texts: GuardrailTexts): boolean {
  const amounts = [texts.budget, texts.carryCap, ...texts.modelBudgets.map(({ budget }) => budget)];
  const counts = [texts.requests, texts.tokens, texts.concurrency, texts.keys, texts.seats, texts.softPercent, ...texts.rates.flatMap(({ requests, tokens }) => [requests, tokens])];
  return amounts.every((text) => text === "" || parseCredits(text) !== undefined) && counts.every((text) => text === "" || parseCount(text) !== undefined)
    && texts.rates.every(({ requests, tokens }) => requests !== "" || tokens !== "") && texts.modelBudgets.every(({ models, budget }) => models !== "" && budget !== "");
}

export function guardrailFrom(texts: GuardrailTexts, before: Guardrail): MessageInitShape<typeof GuardrailSchema> {
  const budget = parseCredits(texts.budget);
  const number = (text: string): number | undefined => (parseCount(text) === undefined ? undefined : Number(parseCount(text)));
  const percent = number(texts.softPercent);
  const cap = parseCredits(texts.carryCap);
  const tokens = parseCount(texts.tokens);
  return present({
    name: before.name, etag: before.etag, budgetNanoCredits: budget, cycle: budget === undefined ? Guardrail_Cycle.UNSPECIFIED : texts.cycle,
    mode: texts.isShadow ? Guardrail_Mode.SHADOW : Guardrail_Mode.ENFORCE,
    requestsPerMinute: number(texts.requests), tokensPerMinute: tokens, concurrencyLimit: number(texts.concurrency), keyLimit: number(texts.keys), seatLimit: number(texts.seats),
    modelWhitelist: texts.whitelisted ? { entries: [...texts.models] } : undefined,
    softBudget: budget === undefined ? undefined : softBudgetFrom(texts.softOnly, percent, before),
    rollover: budget === undefined || !texts.carries ? undefined : { enabled: true, ...(cap === undefined ? {} : { capNanoCredits: cap }) },
    rateLimits: texts.rates.map((rate) => present({ models: rate.models.trim(), unit: rate.unit, requests: number(rate.requests), tokens: parseCount(rate.tokens) })),
    modelBudgets: texts.modelBudgets.map(({ models, budget: amount }) => {
      const old = before.modelBudgets.find((one) => one.models === models.trim());
      return present({ models: models.trim(), budgetNanoCredits: parseCredits(amount) ?? 0n, cycle: old?.cycle, softBudget: old?.softBudget, rollover: old?.rollover });
    }),
  });
}

/** A threshold in credits, for which the form has no field, stays unless one in percent takes its place. */
function softBudgetFrom(softOnly: boolean, percent: number | undefined, before: Guardrail): MessageInitShape<typeof Guardrail_SoftBudgetSchema> | undefined {
  const old = before.softBudget?.threshold;
  const threshold = percent !== undefined ? { case: "percent" as const, value: percent } : old?.case === "amountNanoCredits" ? old : undefined;
  return threshold === undefined && !softOnly ? undefined : { softOnly, ...(threshold === undefined ? {} : { threshold }) };
}
