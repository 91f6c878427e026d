import { useLingui } from "@lingui/react/macro";
import { TextInput } from "@mantine/core";

import { useTimeZone } from "../../hooks/account";

interface MomentFieldProps {
  /** As the browser's field has it: `2026-12-31T18:00`, in the time zone of the organization. Empty: none. */
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly label: string;
  readonly description?: string;
  readonly error?: string | undefined;
}

/** A day and a time, in the time zone of the organization. */
export function MomentField({ description, onChange, ...rest }: MomentFieldProps) {
  const { t } = useLingui();
  const zone = useTimeZone();
  return <TextInput {...rest} type="datetime-local" description={description ?? t`In the time zone ${zone}`} onChange={(event) => onChange(event.currentTarget.value)} />;
}
