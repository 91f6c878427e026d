import type { UsageForecast } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";

import { useLanguage } from "../hooks/language";
import { formatDay } from "../util/times";

/** Names the period of a forecast's spend by its first day. */
export function SpentSince({ forecast }: { readonly forecast: UsageForecast }) {
  const language = useLanguage();
  const start = forecast.timeRange?.startTime;
  return start === undefined ? <Trans>Spent</Trans> : <Trans>Spent since {formatDay(start, language, forecast.timeZone)}</Trans>;
}
