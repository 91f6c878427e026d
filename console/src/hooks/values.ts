import type { UsageValue } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";

/** What people read for a value of a dimension. No value of a group dimension means who is in no group of that level. */
export function useValueLabel(): (value: UsageValue, dimension?: string) => string {
  const { t } = useLingui();
  const statuses: Readonly<Record<string, string>> = { SETTLED: t`Charged`, VOIDED: t`Failed`, EXPIRED: t`Unconfirmed` };
  return ({ value, displayName, isDeleted }, dimension) => {
    const shown = displayName || statuses[value] || value.replace(/^models\//, "").replace(/^organizations\/[^/]+\/[^/]+\//, "").replace(/^providers\//, "") || (dimension?.startsWith("group") === true ? t`Without a group` : t`None`);
    return isDeleted ? t`${shown} (deleted)` : shown;
  };
}
