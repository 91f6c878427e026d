import { Text, type TextProps } from "@mantine/core";

import { useLanguage } from "../hooks/language";
import { formatCredits } from "../util/credits";

interface AmountProps extends TextProps {
  readonly nanoCredits: bigint;
  readonly decimals?: number;
}

/** An amount of credits. */
export function Amount({ nanoCredits, decimals, ...rest }: AmountProps) {
  const language = useLanguage();
  return (
    <Text component="span" inherit className="figures" {...rest}>
      {formatCredits(nanoCredits, language, decimals)}
    </Text>
  );
}
