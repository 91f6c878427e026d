import { useLingui } from "@lingui/react/macro";

import type { Period } from "../../util/times";

/** The periods that a page offers, by what they are called. */
export function usePeriods(): readonly { readonly value: Period; readonly label: string }[] {
  const { t } = useLingui();
  return [
    { value: "24h", label: t`Last 24 hours` }, { value: "7d", label: t`Last 7 days` }, { value: "30d", label: t`Last 30 days` }, { value: "90d", label: t`Last 90 days` },
    { value: "365d", label: t`Last 365 days` }, { value: "month", label: t`This month` }, { value: "lastMonth", label: t`Last month` },
  ];
}
