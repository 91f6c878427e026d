import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type UsageFilter, type UsageFilterSchema, UsageStatus } from "@megarouter/admin";

import { type Period, type TimeRange, dayAfter, isDay, isPeriod, rangeOf, startOfDay } from "./times";

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

/** The time range of a selection: a range of days in the organization's time zone, or a period. */
export function timeRangeOf(selection: Selection, otherwise: Period, now: Date, timeZone: string): TimeRange {
  if (selection.from === undefined) return rangeOf(selection.period ?? otherwise, now, timeZone);
  const startTime = timestampFromDate(startOfDay(selection.from, timeZone));
  return selection.to === undefined ? { startTime } : { startTime, endTime: timestampFromDate(startOfDay(dayAfter(selection.to), timeZone)) };
}

/** The filter of a selection. `parent` is the name of the organization. */
export function usageFilterOf(selection: Selection, parent: string): MessageInitShape<typeof UsageFilterSchema> {
  const named = (collection: string, id: string | undefined): string[] => (id === undefined ? [] : [`${parent}/${collection}/${id}`]);
  const plain = (prefix: string, value: string | undefined): string[] => (value === undefined ? [] : [prefix + value]);
  return {
    groups: named("groups", selection.group),
    members: [...named("members", selection.member), ...named("serviceAccounts", selection.serviceAccount)],
    apiKeys: named("apiKeys", selection.key),
    models: plain("models/", selection.model),
    providers: plain("providers/", selection.provider),
    endpoints: plain("", selection.endpoint),
    statuses: selection.status === undefined ? [] : [statuses[selection.status as Status]],
    tags: plain("", selection.tag),
  };
}

/** What a filter narrows to, as the addresses of pages name it. It may have several values of a narrowing. */
export function narrowedTo(filter: UsageFilter): readonly (readonly [Narrowing, string])[] {
  const ids = (narrowing: Narrowing, names: readonly string[]): (readonly [Narrowing, string])[] => names.map((name) => [narrowing, name.split("/").at(-1) ?? ""]);
  const accounts = filter.members.filter((name) => name.includes("/serviceAccounts/"));
  return [
    ...ids("group", filter.groups), ...ids("member", filter.members.filter((name) => !accounts.includes(name))), ...ids("serviceAccount", accounts), ...ids("key", filter.apiKeys),
    ...filter.models.map((name) => ["model", name.replace(/^models\//, "")] as const), ...ids("provider", filter.providers), ...filter.endpoints.map((one) => ["endpoint", one] as const),
    ...Object.entries(statuses).filter(([, status]) => filter.statuses.includes(status)).map(([name]) => ["status", name] as const), ...filter.tags.map((one) => ["tag", one] as const),
  ];
}

/** How many days a selection has; a range without an end goes to today. */
export function dayCountOf(selection: Selection, otherwise: Period, now: Date, timeZone: string): number {
  const { startTime, endTime } = timeRangeOf(selection, otherwise, now, timeZone);
  const endMs = endTime === undefined ? now.getTime() : Number(endTime.seconds) * 1000;
  return (endMs - Number(startTime.seconds) * 1000) / (24 * 3600_000);
}
