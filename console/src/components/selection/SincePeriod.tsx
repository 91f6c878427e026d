import { useLingui } from "@lingui/react/macro";
import { NativeSelect } from "@mantine/core";

import { type Period, isPeriod } from "../../util/times";
import { usePeriods } from "./periods";

interface SincePeriodProps {
  readonly value: Period | undefined;
  readonly onChange: (period: Period | undefined) => void;
}

/** Chooses a period, or all from the beginning. */
export function SincePeriod({ value, onChange }: SincePeriodProps) {
  const { t } = useLingui();
  return (
    <NativeSelect
      aria-label={t`Period`} value={value ?? ""} onChange={(event) => onChange(isPeriod(event.currentTarget.value) ? event.currentTarget.value : undefined)}
      data={[{ value: "", label: t`From the beginning` }, ...usePeriods()]}
    />
  );
}
