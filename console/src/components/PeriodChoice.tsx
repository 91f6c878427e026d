import { useLingui } from "@lingui/react/macro";
import { NativeSelect } from "@mantine/core";

import type { Period } from "../util/times";

export function PeriodChoice({ value, onChange }: { readonly value: Period; readonly onChange: (period: Period) => void }) {
  const { t } = useLingui();
  return (
    <NativeSelect
      aria-label={t`Period`} value={value} onChange={(event) => onChange(event.currentTarget.value as Period)} w={170}
      data={[
        { value: "24h", label: t`Last 24 hours` }, { value: "7d", label: t`Last 7 days` }, { value: "30d", label: t`Last 30 days` },
        { value: "90d", label: t`Last 90 days` }, { value: "365d", label: t`Last 365 days` },
      ]}
    />
  );
}
