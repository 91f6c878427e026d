import { useLingui } from "@lingui/react/macro";

import type { Period } from "../../util/times";

interface NamedPeriod {
  readonly value: Period;
  readonly label: string;
}

/** The periods that a page offers, by what they are called. The shortest is first. */
export function usePeriods(): readonly [NamedPeriod, ...NamedPeriod[]] {
  const { t } = useLingui();
  return [
    { value: "24h", label: t`Last 24 hours` }, { value: "7d", label: t`Last 7 days` }, { value: "30d", label: t`Last 30 days` }, { value: "90d", label: t`Last 90 days` },
    { value: "365d", label: t`Last 365 days` }, { value: "month", label: t`This month` }, { value: "lastMonth", label: t`Last month` },
  ];
}
