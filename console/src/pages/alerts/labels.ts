import { NotificationChannel_Kind, NotificationDelivery_State, NotificationRecipient_Audience, NotificationRule_Frequency, QuietHours_Day } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";

export function useChannelKind(): (kind: NotificationChannel_Kind) => string {
  const { t } = useLingui();
  return (kind) =>
    ({
      [NotificationChannel_Kind.UNSPECIFIED]: "", [NotificationChannel_Kind.CALLBACK]: t`Callback URL`, [NotificationChannel_Kind.SLACK]: "Slack",
      [NotificationChannel_Kind.TEAMS]: "Microsoft Teams", [NotificationChannel_Kind.DISCORD]: "Discord", [NotificationChannel_Kind.FEISHU]: t`Feishu`,
      [NotificationChannel_Kind.DINGTALK]: t`DingTalk`, [NotificationChannel_Kind.WECOM]: t`WeCom`, [NotificationChannel_Kind.PAGERDUTY]: "PagerDuty",
      [NotificationChannel_Kind.EMAIL]: t`E-mail`,
    })[kind];
}

export function useDeliveryState(): (state: NotificationDelivery_State) => { readonly label: string; readonly color: string } {
  const { t } = useLingui();
  return (state) =>
    ({
      [NotificationDelivery_State.UNSPECIFIED]: { label: "", color: "gray" }, [NotificationDelivery_State.PENDING]: { label: t`Waits`, color: "blue" },
      [NotificationDelivery_State.DELIVERED]: { label: t`Delivered`, color: "teal" }, [NotificationDelivery_State.FAILED]: { label: t`Given up`, color: "red" },
      [NotificationDelivery_State.CANCELED]: { label: t`Canceled`, color: "gray" },
    })[state];
}

export function useAudience(): (audience: NotificationRecipient_Audience) => string {
  const { t } = useLingui();
  return (audience) =>
    ({
      [NotificationRecipient_Audience.UNSPECIFIED]: "", [NotificationRecipient_Audience.OWNER]: t`The owner`,
      [NotificationRecipient_Audience.GROUP_ADMINS]: t`The admins of the group`, [NotificationRecipient_Audience.SUPER_ADMINS]: t`All Super Admins`,
    })[audience];
}

export function useFrequency(): (frequency: NotificationRule_Frequency) => string {
  const { t } = useLingui();
  return (frequency) =>
    ({
      [NotificationRule_Frequency.UNSPECIFIED]: t`At once`, [NotificationRule_Frequency.AT_ONCE]: t`At once`,
      [NotificationRule_Frequency.DAILY]: t`Daily digest`, [NotificationRule_Frequency.WEEKLY]: t`Weekly digest`,
    })[frequency];
}

export function useDayName(): (day: QuietHours_Day) => string {
  const { t } = useLingui();
  return (day) =>
    ({
      [QuietHours_Day.UNSPECIFIED]: "", [QuietHours_Day.MONDAY]: t`Monday`, [QuietHours_Day.TUESDAY]: t`Tuesday`, [QuietHours_Day.WEDNESDAY]: t`Wednesday`,
      [QuietHours_Day.THURSDAY]: t`Thursday`, [QuietHours_Day.FRIDAY]: t`Friday`, [QuietHours_Day.SATURDAY]: t`Saturday`, [QuietHours_Day.SUNDAY]: t`Sunday`,
    })[day];
}
