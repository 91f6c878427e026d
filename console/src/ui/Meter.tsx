import { useLingui } from "@lingui/react/macro";
import { Box } from "@mantine/core";

import { useLanguage } from "../hooks/language";
import { percentOf } from "../util/credits";
import { formatPercent } from "../util/numbers";

const warnsFromPercent = 80;

/** Use against a limit. */
export function Meter({ used, limit, label, height = 6 }: { readonly used: bigint; readonly limit: bigint; readonly label: string; readonly height?: number }) {
  const { t } = useLingui();
  const language = useLanguage();
  const percent = percentOf(used, limit);
  const color = percent >= 100 ? "var(--mantine-color-red-6)" : percent >= warnsFromPercent ? "var(--mantine-color-orange-5)" : "var(--chart-1)";
  const share = formatPercent(percent, language);
  return (
    <Box
      role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(percent)} aria-valuetext={t`${share} used`}
      style={{ height, borderRadius: height, background: "var(--line)", overflow: "hidden", width: "100%" }}
    >
      <div className="meter-fill" style={{ width: `${percent}%`, height: "100%", background: color, borderRadius: height }} />
    </Box>
  );
}
