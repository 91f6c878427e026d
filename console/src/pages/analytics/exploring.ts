import { UsageDimension, UsageGranularity, type UsageGroup, UsageMetric, type UsagePoint, type UsageValue } from "@megarouter/admin";

import { idOf } from "../../api/names";
import { toCredits } from "../../util/credits";
import type { Selection } from "../../util/selection";

/** What usage is divided by, under the name that the address has. */
export const dimensions = {
  model: UsageDimension.MODEL, member: UsageDimension.MEMBER, key: UsageDimension.API_KEY, group: UsageDimension.GROUP,
  "group-1": UsageDimension.GROUP_LEVEL_1, "group-2": UsageDimension.GROUP_LEVEL_2, "group-3": UsageDimension.GROUP_LEVEL_3, "group-4": UsageDimension.GROUP_LEVEL_4,
  provider: UsageDimension.PROVIDER, endpoint: UsageDimension.ENDPOINT, status: UsageDimension.STATUS,
} as const;
export type Dimension = keyof typeof dimensions;

export const granularities = {
  hour: UsageGranularity.HOUR, day: UsageGranularity.DAY, week: UsageGranularity.WEEK, month: UsageGranularity.MONTH,
} as const;
export type Every = keyof typeof granularities;

/** What the height of a bar is. */
export const measures = {
  charge: { metric: UsageMetric.CHARGE, of: (point: UsagePoint) => toCredits(point.chargeNanoCredits) },
  tokens: { metric: UsageMetric.TOKENS, of: (point: UsagePoint) => Number(point.inputTokenCount + point.outputTokenCount) },
  input: { metric: UsageMetric.INPUT_TOKENS, of: (point: UsagePoint) => Number(point.inputTokenCount) },
  output: { metric: UsageMetric.OUTPUT_TOKENS, of: (point: UsagePoint) => Number(point.outputTokenCount) },
  calls: { metric: UsageMetric.CALLS, of: (point: UsagePoint) => Number(point.callCount) },
} as const;
export type Measure = keyof typeof measures;

export const tagPrefix = "tag:";

/** How usage is divided: `divisions` are in the order in which an answer has its values, tags last. */
export interface Division {
  readonly divisions: readonly string[];
  readonly groupBy: UsageDimension[];
  readonly groupByTags: string[];
}

export function divisionOf(...wanted: readonly (string | undefined)[]): Division {
  const known = [...new Set(wanted)].filter((one): one is string => one !== undefined && (one in dimensions || isTag(one)));
  const [plain, tags] = [known.filter((one) => !isTag(one)), known.filter(isTag)];
  return { divisions: [...plain, ...tags], groupBy: plain.map((one) => dimensions[one as Dimension]), groupByTags: tags.map(tagOf) };
}

export function isTag(division: string): boolean {
  return division.startsWith(tagPrefix) && division.length > tagPrefix.length;
}

export function tagOf(division: string): string {
  return division.slice(tagPrefix.length);
}

const statusNames: Readonly<Record<string, string>> = { SETTLED: "settled", VOIDED: "failed", EXPIRED: "unconfirmed" };

/** The filter that finds the calls of a value; undefined for calls without one, which no filter finds. */
function narrowingOf(division: string, { value }: UsageValue): Selection | undefined {
  if (value === "") return undefined;
  if (isTag(division)) return { tag: `${tagOf(division)}=${value}` };
  switch (division as Dimension) {
    case "member":
      return value.includes("/serviceAccounts/") ? { serviceAccount: idOf(value) } : { member: idOf(value) };
    case "key":
      return { key: idOf(value) };
    case "model":
      return { model: value.replace(/^models\//, "") };
    case "provider":
      return { provider: idOf(value) };
    case "endpoint":
      return { endpoint: value };
    case "status": {
      const status = statusNames[value];
      return status === undefined ? undefined : { status };
    }
    default:
      return { group: idOf(value) };
  }
}

/** The selection of the calls of a group of an answer; undefined if no filter finds them. */
export function selectionOfGroup(selection: Selection, divisions: readonly string[], group: UsageGroup): Selection | undefined {
  if (group.isOther) return undefined;
  const parts = divisions.map((division, index) => {
    const value = group.values[index];
    return value === undefined ? undefined : narrowingOf(division, value);
  });
  return parts.includes(undefined) ? undefined : Object.assign({}, selection, ...parts);
}

export function keyOfGroup(group: UsageGroup): string {
  return group.isOther ? "other" : JSON.stringify(group.values.map(({ value }) => value));
}
