import { UsageStatus } from "@megarouter/admin";

import { type Period, isDay, isPeriod } from "./times";

export const statuses = { settled: UsageStatus.SETTLED, failed: UsageStatus.VOIDED, unconfirmed: UsageStatus.EXPIRED } as const;
export type Status = keyof typeof statuses;

/** What narrows usage besides its time, as ids. The address of a page has them under these names. */
export const narrowings = ["group", "member", "serviceAccount", "key", "model", "provider", "endpoint", "status", "tag"] as const;
export type Narrowing = (typeof narrowings)[number];

/** Which calls a page is about. Analytics and the list of calls have the same, so that one leads to the other. */
export type Selection = { readonly [Name in Narrowing]?: string } & {
  readonly period?: Period;
  /** The first day of a range of days, instead of a period. */
  readonly from?: string;
  /** The last day of it. */
  readonly to?: string;
};

/** Reads a selection from an address. What makes no sense is left out. */
export function selectionOf(search: Record<string, unknown>): Selection {
  const { period, from, to } = search;
  const range = isDay(from) ? { from, ...(isDay(to) && to >= from ? { to } : {}) } : isPeriod(period) ? { period } : {};
  const narrowed = narrowings.flatMap((name) => {
    const value = search[name];
    const text = typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
    return text === "" || (name === "status" && !(text in statuses)) ? [] : [[name, text] as const];
  });
  return { ...range, ...Object.fromEntries(narrowed) };
}
