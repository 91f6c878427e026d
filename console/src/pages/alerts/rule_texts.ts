import type { NotificationRecipient, NotificationRule, QuietHours } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";

import { idOf } from "../../api/names";
import { useLanguage } from "../../hooks/language";
import { formatCredits } from "../../util/credits";
import { formatPercent } from "../../util/numbers";
import { useAudience, useDayName } from "./labels";

/** The thresholds of a rule in one line; empty if it has none. */
export function useThresholds(): (rule: NotificationRule) => string {
  const { t } = useLingui();
  const language = useLanguage();
  return (rule) =>
    [...rule.thresholdPercents.map((percent) => formatPercent(percent, language)), ...rule.thresholdNanoCredits.map((amount) => t`${formatCredits(amount, language, 2)} credits`)].join(", ");
}

/** What people read for a recipient. */
export function useRecipient(): (recipient: NotificationRecipient) => string {
  const audience = useAudience();
  return ({ recipient }) => (recipient.case === undefined ? "" : recipient.case === "audience" ? audience(recipient.value) : idOf(recipient.value));
}

/** Quiet hours in one line. */
export function useQuietHours(): (quiet: QuietHours) => string {
  const { t } = useLingui();
  const dayName = useDayName();
  return (quiet) => {
    const days = quiet.days.map(dayName).join(", ");
    const span = `${quiet.start}–${quiet.end}${quiet.timeZone === "" ? "" : ` (${quiet.timeZone})`}`;
    const when = days === "" ? span : `${span}, ${days}`;
    return quiet.alertsPass ? t`${when}; alerts pass` : when;
  };
}
