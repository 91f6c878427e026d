import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { UsageFilterSchema } from "@megarouter/admin";

import { type Selection, type Status, statuses } from "./selection";
import { type Period, type TimeRange, dayAfter, rangeOf, startOfDay } from "./times";

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

/** How many days a selection has; a range without an end goes to today. */
export function dayCountOf(selection: Selection, otherwise: Period, now: Date, timeZone: string): number {
  const { startTime, endTime } = timeRangeOf(selection, otherwise, now, timeZone);
  const endMs = endTime === undefined ? now.getTime() : Number(endTime.seconds) * 1000;
  return (endMs - Number(startTime.seconds) * 1000) / (24 * 3600_000);
}
