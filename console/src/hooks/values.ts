import type { UsageValue } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";

/** What people read for a value of a dimension. */
export function useValueLabel(): (value: UsageValue) => string {
  const { t } = useLingui();
  const statuses: Readonly<Record<string, string>> = { SETTLED: t`Charged`, VOIDED: t`Failed`, EXPIRED: t`Unconfirmed` };
  return ({ value, displayName, isDeleted }) => {
    const shown = displayName || statuses[value] || value.replace(/^models\//, "").replace(/^organizations\/[^/]+\/[^/]+\//, "").replace(/^providers\//, "") || t`None`;
    return isDeleted ? t`${shown} (deleted)` : shown;
  };
}
