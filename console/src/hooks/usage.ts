import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { UsageGranularity, type UsageFilterSchema } from "@megarouter/admin";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { dayCountOf, timeRangeOf, usageFilterOf } from "../util/selected_usage";
import { type Selection, selectionOf } from "../util/selection";
import { type Period, type TimeRange, daysIn } from "../util/times";
import { usePlace } from "./account";
import { useNow } from "./now";

export interface UsageQuestion {
  /** The selection with its period, for links to other pages, whose own period may be another. */
  readonly selection: Selection;
  readonly timeRange: TimeRange;
  readonly usageFilter: MessageInitShape<typeof UsageFilterSchema>;
  readonly dayCount: number;
  /** The first and the last day, for the names of files. */
  readonly days: readonly string[];
}

/** What the address of the page asks for. */
export function useUsageQuestion(otherwise: Period = "30d"): UsageQuestion {
  const { account, organization } = usePlace();
  const now = useNow();
  const chosen = useSelection();
  const timeRange = timeRangeOf(chosen, otherwise, now, organization.timeZone);
  return {
    selection: chosen.from === undefined ? { ...chosen, period: chosen.period ?? otherwise } : chosen,
    timeRange,
    usageFilter: usageFilterOf(chosen, account.organization),
    dayCount: dayCountOf(chosen, otherwise, now, organization.timeZone),
    days: daysIn({ ...timeRange, endTime: timeRange.endTime ?? timestampFromDate(now) }, organization.timeZone),
  };
}

/** What the address of the page selects. */
export function useSelection(): Selection {
  return selectionOf(useSearch({ strict: false }));
}

type AnySearch = Readonly<Record<string, string | undefined>>;

/**
 * Changes a part of what the address says. An undefined value is taken out of it.
 *
 * @param replaces whether the way back leads past it, as in lists that a person narrows step by step
 */
export function useChangeSearch<Search extends object = AnySearch>(replaces = false): (part: { [Name in keyof Search]?: Search[Name] | undefined }) => void {
  const navigate = useNavigate();
  return (part) => void navigate({ to: ".", search: ((now: object) => ({ ...now, ...part })) as never, replace: replaces });
}

const mostHourDays = 2;
const mostDays = 92;

/** The length of a bar that makes a readable chart: hours of two days, days of three months, otherwise weeks. As in reports. */
export function granularityFor(dayCount: number): UsageGranularity {
  if (dayCount <= mostHourDays) return UsageGranularity.HOUR;
  return dayCount <= mostDays ? UsageGranularity.DAY : UsageGranularity.WEEK;
}
