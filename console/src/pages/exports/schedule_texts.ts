import { type ExportSchedule, ExportSchedule_Cadence, ExportSchedule_PauseReason, ExportSchedule_Period } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";

import { useLanguage } from "../../hooks/language";
import { formatWeekday } from "../../util/times";

/** Returns when a schedule runs, such as "Every Monday at 07:00". */
export function useTimes(): (one: ExportSchedule) => string {
  const { t } = useLingui();
  const language = useLanguage();
  return ({ cadence, weekday, dayOfMonth, hour }) => {
    const at = `${String(hour).padStart(2, "0")}:00`;
    const day = formatWeekday(weekday, language);
    switch (cadence) {
      case ExportSchedule_Cadence.DAILY:
        return t`Every day at ${at}`;
      case ExportSchedule_Cadence.WEEKLY:
        return t`Every ${day} at ${at}`;
      case ExportSchedule_Cadence.MONTHLY:
        return t`On day ${dayOfMonth} of every month at ${at}`;
      default:
        return "";
    }
  };
}

/** Returns which period each run exports. */
export function usePeriodName(): (period: ExportSchedule_Period) => string {
  const { t } = useLingui();
  return (period) =>
    ({
      [ExportSchedule_Period.UNSPECIFIED]: "", [ExportSchedule_Period.PREVIOUS_DAY]: t`The day before`, [ExportSchedule_Period.PREVIOUS_WEEK]: t`The week before, Monday to Sunday`,
      [ExportSchedule_Period.PREVIOUS_MONTH]: t`The whole month before`,
    })[period];
}

/** Returns why the service paused a schedule; nothing if the person did. */
export function usePauseReason(): (reason: ExportSchedule_PauseReason) => string {
  const { t } = useLingui();
  return (reason) =>
    ({
      [ExportSchedule_PauseReason.UNSPECIFIED]: "", [ExportSchedule_PauseReason.REQUESTED]: "", [ExportSchedule_PauseReason.CREATOR_GONE]: t`You were removed or suspended.`,
      [ExportSchedule_PauseReason.RIGHTS_LOST]: t`Your role is lower than when you set it. If you resume it, it exports what you may see now.`,
      [ExportSchedule_PauseReason.TOO_MANY_EXPORTS]: t`Too many exports of schedules are kept. Delete some, and resume it.`,
    })[reason];
}
