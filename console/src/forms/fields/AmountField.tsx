import { useLingui } from "@lingui/react/macro";
import { TextInput } from "@mantine/core";

import { parseCredits } from "../../util/credits";
import { ungrouped } from "../../util/numbers";

interface TextFieldProps {
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly label: string;
  readonly description?: string;
  readonly error?: string | undefined;
  readonly disabled?: boolean;
  readonly required?: boolean;
  /** How it shares a line with others. */
  readonly flex?: string;
}

/** An amount of credits as text. Empty: none. */
export function AmountField({ value, onChange, error, flex, ...rest }: TextFieldProps) {
  const { t } = useLingui();
  const wrong = value !== "" && parseCredits(value) === undefined ? t`Enter an amount such as 25 or 0.5.` : undefined;
  return <TextInput {...rest} {...(flex === undefined ? {} : { style: { flex } })} inputMode="decimal" value={value} onChange={(event) => onChange(event.currentTarget.value)} error={wrong ?? error} />;
}

/** A whole number as text. Empty: none. */
export function CountField({ value, onChange, error, flex, ...rest }: TextFieldProps) {
  const { t } = useLingui();
  const wrong = value !== "" && parseCount(value) === undefined ? t`Enter a whole number.` : undefined;
  return <TextInput {...rest} {...(flex === undefined ? {} : { style: { flex } })} inputMode="numeric" value={value} onChange={(event) => onChange(event.currentTarget.value)} error={wrong ?? error} />;
}

/** Reads a whole number, also with the separators that people paste; undefined if it is none. */
export function parseCount(text: string): bigint | undefined {
  const digits = ungrouped(text);
  return /^\d{1,15}$/.test(digits) ? BigInt(digits) : undefined;
}
