import { type Anomaly, Anomaly_Granularity, Anomaly_State, Anomaly_Verdict } from "@megarouter/admin";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Trans } from "@lingui/react/macro";
import { Badge } from "@mantine/core";

import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";

/** The day or the hour of an anomaly, in the organization's time zone. */
export function AnomalyMoment({ anomaly }: { readonly anomaly: Anomaly }) {
  const language = useLanguage();
  const { timeZone } = usePlace().organization;
  const start = anomaly.timeRange?.startTime;
  if (start === undefined) return null;
  const format = new Intl.DateTimeFormat(language, anomaly.granularity === Anomaly_Granularity.HOUR ? { dateStyle: "medium", timeStyle: "short", timeZone } : { dateStyle: "medium", timeZone });
  return <time dateTime={timestampDate(start).toISOString()}>{format.format(timestampDate(start))}</time>;
}

export function AnomalyVerdict({ anomaly }: { readonly anomaly: Anomaly }) {
  if (anomaly.state === Anomaly_State.WITHDRAWN) return <Badge variant="light" radius="sm" tt="none" color="gray"><Trans>Withdrawn</Trans></Badge>;
  switch (anomaly.verdict) {
    case Anomaly_Verdict.PLANNED:
      return <Badge variant="light" radius="sm" tt="none" color="blue"><Trans>Planned</Trans></Badge>;
    case Anomaly_Verdict.WRONG:
      return <Badge variant="light" radius="sm" tt="none" color="gray"><Trans>False alarm</Trans></Badge>;
    case Anomaly_Verdict.RIGHT:
      return <Badge variant="light" radius="sm" tt="none" color="red"><Trans>Confirmed</Trans></Badge>;
    default:
      return <Badge variant="light" radius="sm" tt="none" color="orange"><Trans>Open</Trans></Badge>;
  }
}

/** The verdict under its name in the API. */
export function verdictKey(anomaly: Anomaly): string {
  return Anomaly_Verdict[anomaly.verdict] ?? "";
}
