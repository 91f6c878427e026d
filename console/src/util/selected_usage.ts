import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { UsageFilterSchema } from "@megarouter/admin";

import { type Narrowing, type Selection, type Status, narrowings, statuses } from "./selection";
import { type Period, type TimeRange, dayAfter, rangeOf, startOfDay } from "./times";

/** The time range of a selection: a range of days in the organization's time zone, or a period. */
export function timeRangeOf(selection: Selection, otherwise: Period, now: Date, timeZone: string): TimeRange {
  if (selection.from === undefined) return rangeOf(selection.period ?? otherwise, now, timeZone);
  const startTime = timestampFromDate(startOfDay(selection.from, timeZone));
  return selection.to === undefined ? { startTime } : { startTime, endTime: timestampFromDate(startOfDay(dayAfter(selection.to), timeZone)) };
}

/** A value that calls are narrowed to. There may be several of a narrowing. */
export type NarrowedValue = readonly [Narrowing, string];

/** What a selection narrows to. */
export function narrowedBy(selection: Selection): readonly NarrowedValue[] {
  return narrowings.flatMap((name) => (selection[name] === undefined ? [] : [[name, selection[name]] as const]));
}

/** The filter of a selection. `parent` is the name of the organization. */
export function usageFilterOf(selection: Selection, parent: string): MessageInitShape<typeof UsageFilterSchema> {
  return filterTo(narrowedBy(selection), parent);
}

/** The filter that narrows to these values. `parent` is the name of the organization. */
export function filterTo(narrowed: readonly NarrowedValue[], parent: string): MessageInitShape<typeof UsageFilterSchema> {
  const valuesOf = (name: Narrowing, prefix = ""): string[] => narrowed.filter(([one]) => one === name).map(([, value]) => prefix + value);
  return {
    groups: valuesOf("group", `${parent}/groups/`),
    members: [...valuesOf("member", `${parent}/members/`), ...valuesOf("serviceAccount", `${parent}/serviceAccounts/`)],
    apiKeys: valuesOf("key", `${parent}/apiKeys/`),
    models: valuesOf("model", "models/"),
    providers: valuesOf("provider", "providers/"),
    endpoints: valuesOf("endpoint"),
    statuses: valuesOf("status").map((value) => statuses[value as Status]),
    tags: valuesOf("tag"),
  };
}

/** How many days a selection has; a range without an end goes to today. */
export function dayCountOf(selection: Selection, otherwise: Period, now: Date, timeZone: string): number {
  const { startTime, endTime } = timeRangeOf(selection, otherwise, now, timeZone);
  const endMs = endTime === undefined ? now.getTime() : Number(endTime.seconds) * 1000;
  return (endMs - Number(startTime.seconds) * 1000) / (24 * 3600_000);
}
