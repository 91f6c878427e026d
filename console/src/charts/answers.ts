import type { QueryUsageResponse, UsageGroup, UsagePoint } from "@megarouter/admin";
import { timestampDate } from "@bufbuild/protobuf/wkt";

import { idOf } from "../api/names";
import { dayOf } from "../util/times";
import type { Bucket } from "./StackedBars";
import type { Series } from "./stacking";

const hourMs = 3600_000;

/** The buckets of an answer with their labels: hours of a day, otherwise days. */
export function bucketsOf(answer: QueryUsageResponse, language: string): readonly Bucket[] {
  const timeZone = answer.timeZone || undefined;
  const first = answer.buckets[1] ?? answer.buckets[0];
  const isHours = first?.startTime !== undefined && first.endTime !== undefined && timestampDate(first.endTime).getTime() - timestampDate(first.startTime).getTime() <= hourMs;
  const short = new Intl.DateTimeFormat(language, isHours ? { hour: "numeric", minute: "2-digit", timeZone } : { month: "short", day: "numeric", timeZone });
  const full = new Intl.DateTimeFormat(language, isHours ? { dateStyle: "medium", timeStyle: "short", timeZone } : { dateStyle: "full", timeZone });
  return answer.buckets.map(({ startTime }) => {
    const start = startTime === undefined ? new Date(0) : timestampDate(startTime);
    return { label: short.format(start), full: full.format(start) };
  });
}

/** The first and the last day of a bucket in the answer's time zone. */
export function daysOfBucket(answer: QueryUsageResponse, index: number): { readonly from: string; readonly to: string } | undefined {
  const { startTime, endTime } = answer.buckets[index] ?? {};
  if (startTime === undefined || endTime === undefined) return undefined;
  const lastMoment = new Date(timestampDate(endTime).getTime() - 1);
  return { from: dayOf(timestampDate(startTime), answer.timeZone), to: dayOf(lastMoment, answer.timeZone) };
}

const colors = ["var(--chart-1)", "var(--chart-2)", "var(--chart-3)", "var(--chart-4)", "var(--chart-5)", "var(--chart-6)"];

/** The groups of an answer as series of a chart; `other` names the rest. */
export function seriesOf(groups: readonly UsageGroup[], other: string, valueOf: (point: UsagePoint) => number, labelOf: (group: UsageGroup) => string = nameOf): readonly Series[] {
  return groups.map((group, index) => ({
    id: String(index), label: group.isOther ? other : labelOf(group),
    color: group.isOther ? "var(--chart-other)" : (colors[index % colors.length] ?? "var(--chart-1)"), values: group.points.map(valueOf),
  }));
}

function nameOf(group: UsageGroup): string {
  const value = group.values[0];
  return value?.displayName || idOf(value?.value ?? "") || "—";
}
