import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Guardrail, Guardrail_Cycle, Guardrail_Mode, Guardrail_RateLimit_Unit, type GuardrailSchema, type Guardrail_SoftBudget, type Guardrail_SoftBudgetSchema } from "@megarouter/admin";

import { nanoPerCredit, parseCredits } from "../../util/credits";
import { parseCount } from "../fields/AmountField";

/** The limits of a guardrail as a person writes them. Empty texts: no limit. */
export interface GuardrailTexts {
  readonly budget: string;
  readonly cycle: Guardrail_Cycle;
  readonly soft: SoftTexts;
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
  /** Unspecified: as that of the guardrail. */
  readonly cycle: Guardrail_Cycle;
  readonly soft: SoftTexts;
}

/** When a budget is reported, and whether that is all. */
export interface SoftTexts {
  readonly from: string;
  readonly unit: "percent" | "credits";
  readonly only: boolean;
}

export const noSoft: SoftTexts = { from: "", unit: "percent", only: false };

export const newRate: RateTexts = { models: "", unit: Guardrail_RateLimit_Unit.DAY, requests: "", tokens: "" };
export const newModelBudget: ModelBudgetTexts = { models: "", budget: "", cycle: Guardrail_Cycle.UNSPECIFIED, soft: noSoft };

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
  const { rollover } = guardrail;
  return {
    budget: creditsText(guardrail.budgetNanoCredits), cycle: guardrail.budgetNanoCredits === undefined ? Guardrail_Cycle.MONTHLY : guardrail.cycle || Guardrail_Cycle.NEVER,
    soft: softTexts(guardrail.softBudget),
    carries: rollover?.enabled ?? false, carryCap: creditsText(rollover?.capNanoCredits),
    requests: countText(guardrail.requestsPerMinute), tokens: countText(guardrail.tokensPerMinute), concurrency: countText(guardrail.concurrencyLimit),
    keys: countText(guardrail.keyLimit), seats: countText(guardrail.seatLimit),
    whitelisted: guardrail.modelWhitelist !== undefined, models: guardrail.modelWhitelist?.entries ?? [],
    rates: guardrail.rateLimits.map((rate) => ({ models: rate.models, unit: rate.unit, requests: countText(rate.requests), tokens: countText(rate.tokens) })),
    modelBudgets: guardrail.modelBudgets.map((budget) => ({ models: budget.models, budget: creditsText(budget.budgetNanoCredits), cycle: budget.cycle, soft: softTexts(budget.softBudget) })),
    isShadow: guardrail.mode === Guardrail_Mode.SHADOW,
  };
}

/** The fields that the form writes. What it has no field for stays as it is. */
export const writtenFields = ["budget_nano_credits", "cycle", "mode", "requests_per_minute", "tokens_per_minute", "concurrency_limit", "model_whitelist", "rate_limits", "rollover"];

export function isRight(texts: GuardrailTexts): boolean {
  const amounts = [texts.budget, texts.carryCap, ...texts.modelBudgets.map(({ budget }) => budget)];
  const counts = [texts.requests, texts.tokens, texts.concurrency, texts.keys, texts.seats, ...texts.rates.flatMap(({ requests, tokens }) => [requests, tokens])];
  return amounts.every((text) => text === "" || parseCredits(text) !== undefined) && counts.every((text) => text === "" || parseCount(text) !== undefined)
    && texts.rates.every(({ requests, tokens }) => requests !== "" || tokens !== "") && texts.modelBudgets.every(({ models, budget }) => models !== "" && budget !== "")
    && [texts.soft, ...texts.modelBudgets.map(({ soft }) => soft)].every((soft) => soft.from === "" || thresholdOf(soft) !== undefined);
}

export function guardrailFrom(texts: GuardrailTexts, before: Guardrail): MessageInitShape<typeof GuardrailSchema> {
  const budget = parseCredits(texts.budget);
  const number = (text: string): number | undefined => (parseCount(text) === undefined ? undefined : Number(parseCount(text)));
  const cap = parseCredits(texts.carryCap);
  const tokens = parseCount(texts.tokens);
  return present({
    name: before.name, etag: before.etag, budgetNanoCredits: budget, cycle: budget === undefined ? Guardrail_Cycle.UNSPECIFIED : texts.cycle,
    mode: texts.isShadow ? Guardrail_Mode.SHADOW : Guardrail_Mode.ENFORCE,
    requestsPerMinute: number(texts.requests), tokensPerMinute: tokens, concurrencyLimit: number(texts.concurrency), keyLimit: number(texts.keys), seatLimit: number(texts.seats),
    modelWhitelist: texts.whitelisted ? { entries: [...texts.models] } : undefined,
    softBudget: budget === undefined ? undefined : softBudgetFrom(texts.soft),
    rollover: budget === undefined || !texts.carries ? undefined : { enabled: true, ...(cap === undefined ? {} : { capNanoCredits: cap }) },
    rateLimits: texts.rates.map((rate) => present({ models: rate.models.trim(), unit: rate.unit, requests: number(rate.requests), tokens: parseCount(rate.tokens) })),
    modelBudgets: texts.modelBudgets.map(({ models, budget: amount, cycle, soft }) => {
      const old = before.modelBudgets.find((one) => one.models === models.trim());
      return present({ models: models.trim(), budgetNanoCredits: parseCredits(amount) ?? 0n, cycle, softBudget: softBudgetFrom(soft), rollover: old?.rollover });
    }),
  });
}

function softTexts(soft: Guardrail_SoftBudget | undefined): SoftTexts {
  const threshold = soft?.threshold;
  const only = soft?.softOnly ?? false;
  if (threshold?.case === "amountNanoCredits") return { from: creditsText(threshold.value), unit: "credits", only };
  return { from: threshold?.case === "percent" ? String(threshold.value) : "", unit: "percent", only };
}

function softBudgetFrom(soft: SoftTexts): MessageInitShape<typeof Guardrail_SoftBudgetSchema> | undefined {
  const threshold = thresholdOf(soft);
  return threshold === undefined && !soft.only ? undefined : { softOnly: soft.only, ...(threshold === undefined ? {} : { threshold }) };
}

function thresholdOf({ from, unit }: SoftTexts) {
  const [amount, percent] = [parseCredits(from), parseCount(from)];
  if (unit === "credits") return amount === undefined || amount === 0n ? undefined : { case: "amountNanoCredits" as const, value: amount };
  return percent === undefined || percent < 1n || percent > 100n ? undefined : { case: "percent" as const, value: Number(percent) };
}
