import { useLingui } from "@lingui/react/macro";
import { Group, NativeSelect, TextInput } from "@mantine/core";

import { parseCredits } from "../../util/credits";
import { parseCount } from "../fields/AmountField";
import type { SoftTexts } from "./texts";

interface ThresholdFieldProps {
  readonly label: string;
  readonly description?: string;
  readonly value: SoftTexts;
  readonly onChange: (soft: SoftTexts) => void;
  readonly error?: string | undefined;
  readonly flex?: string;
}

/** From which spend on a budget is reported: a part of it, or an amount. */
export function ThresholdField({ label, description, value, onChange, error, flex }: ThresholdFieldProps) {
  const { t } = useLingui();
  const isPercent = value.unit === "percent";
  const percent = parseCount(value.from) ?? 0n;
  const isRight = value.from === "" || (isPercent ? percent >= 1n && percent <= 100n : (parseCredits(value.from) ?? 0n) > 0n);
  const wrong = isRight ? undefined : isPercent ? t`Enter 1 to 100.` : t`Enter an amount such as 25 or 0.5.`;
  return (
    <Group gap={4} wrap="nowrap" align="flex-end" style={flex === undefined ? undefined : { flex }}>
      <TextInput label={label} description={description} inputMode="decimal" value={value.from} onChange={(event) => onChange({ ...value, from: event.currentTarget.value })} error={wrong ?? error} style={{ flex: 1, minWidth: 0 }} />
      <NativeSelect
        aria-label={t`${label}: unit`} value={value.unit} onChange={(event) => onChange({ ...value, unit: event.currentTarget.value === "credits" ? "credits" : "percent" })}
        data={[{ value: "percent", label: "%" }, { value: "credits", label: t`credits` }]} style={{ alignSelf: "flex-end" }}
      />
    </Group>
  );
}
