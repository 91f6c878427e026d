import { timeRangeOf } from "../../util/selected_usage";
import type { Selection } from "../../util/selection";
import type { TimeRange } from "../../util/times";

/** The time range of a selection; undefined if it has neither days nor a period. */
export function chosenRangeOf(selection: Selection, now: Date, timeZone: string): TimeRange | undefined {
  const { from, period } = selection;
  return from === undefined && period === undefined ? undefined : timeRangeOf(selection, period ?? "24h", now, timeZone);
}
