import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TimeRangeSchema, UsageFilterSchema } from "@megarouter/admin";
import { useSearch } from "@tanstack/react-router";

import { type Period, startOf } from "../util/times";
import { usePlace } from "./account";
import { useNow } from "./now";

export interface UsageQuestion {
  readonly period: Period;
  readonly timeRange: MessageInitShape<typeof TimeRangeSchema>;
  readonly usageFilter: MessageInitShape<typeof UsageFilterSchema>;
}

/** What the address of an analytics page asks for. */
export function useUsageQuestion(): UsageQuestion {
  const { account, organization } = usePlace();
  const search = useSearch({ from: "/organizations/$organization/analytics" });
  const period = search.period ?? "30d";
  return {
    period,
    timeRange: { startTime: startOf(period, useNow(), organization.timeZone) },
    usageFilter: {
      groups: search.group === undefined ? [] : [`${account.organization}/groups/${search.group}`],
      models: search.model === undefined ? [] : [`models/${search.model}`],
    },
  };
}
