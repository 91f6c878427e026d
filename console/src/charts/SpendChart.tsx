import type { QueryUsageResponse } from "@megarouter/admin";
import { useLingui } from "@lingui/react/macro";

import { useLanguage } from "../hooks/language";
import { toCredits } from "../util/credits";
import { bucketsOf } from "./answers";
import { StackedBars } from "./StackedBars";

/** The charge by bucket, of an answer without dimensions. */
export function SpendChart({ answer, height = 240 }: { readonly answer: QueryUsageResponse; readonly height?: number }) {
  const { t } = useLingui();
  const language = useLanguage();
  const values = (answer.groups[0]?.points ?? []).map((point) => toCredits(point.chargeNanoCredits));
  const format = (value: number): string => new Intl.NumberFormat(language, { maximumSignificantDigits: 3 }).format(value);
  return <StackedBars title={t`Spend in credits`} buckets={bucketsOf(answer, language)} series={[{ id: "charge", label: t`Credits`, color: "var(--chart-1)", values }]} format={format} height={height} />;
}
