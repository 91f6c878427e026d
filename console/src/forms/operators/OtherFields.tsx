import { useLingui } from "@lingui/react/macro";
import { Textarea } from "@mantine/core";

interface OtherFieldsProps {
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly isWrong: boolean;
}

/** What of a definition has no field of its own, in the form of the catalog file. */
export function OtherFields({ value, onChange, isWrong }: OtherFieldsProps) {
  const { t } = useLingui();
  return (
    <Textarea
      label={t`Further fields`} description={t`In the form of the catalog file, as a JSON object. Empty: none`} autosize minRows={2} maxRows={16} spellCheck={false} value={value}
      onChange={(event) => onChange(event.currentTarget.value)} error={isWrong ? t`Enter a JSON object without the fields above.` : undefined}
      styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: "var(--mantine-font-size-xs)" } }}
    />
  );
}
