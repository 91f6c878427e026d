import { useQuery } from "@connectrpc/connect-query";
import { NotificationChannels, type NotificationRecipient, type NotificationRule, type QuietHours } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";

import { idOf } from "../../api/names";
import { useParent } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { formatCredits } from "../../util/credits";
import { formatPercent } from "../../util/numbers";
import { useAudience, useDayName } from "./labels";

const mostChannels = 100;

/** The thresholds of a rule in one line; empty if it has none. */
export function useThresholds(): (rule: NotificationRule) => string {
  const { t } = useLingui();
  const language = useLanguage();
  return (rule) =>
    [...rule.thresholdPercents.map((percent) => formatPercent(percent, language)), ...rule.thresholdNanoCredits.map((amount) => t`${formatCredits(amount, language, 2)} credits`)].join(", ");
}

/** What people read for a recipient: a channel by its name, if the person sees it. */
export function useRecipient(): (recipient: NotificationRecipient) => string {
  const audience = useAudience();
  const { data } = useQuery(NotificationChannels.method.listNotificationChannels, { parent: useParent(), pageSize: mostChannels });
  const names = new Map((data?.notificationChannels ?? []).map((channel) => [channel.name, channel.displayName]));
  return ({ recipient }) => (recipient.case === undefined ? "" : recipient.case === "audience" ? audience(recipient.value) : (names.get(recipient.value) ?? idOf(recipient.value)));
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
