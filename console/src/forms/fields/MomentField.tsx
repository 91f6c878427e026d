import { type Timestamp, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useLingui } from "@lingui/react/macro";
import { TextInput } from "@mantine/core";

interface MomentFieldProps {
  /** As the browser's field has it: `2026-12-31T18:00`, in the time zone of the browser. Empty: none. */
  readonly value: string;
  readonly onChange: (text: string) => void;
  readonly label: string;
  readonly description?: string;
  readonly error?: string | undefined;
}

/** A day and a time, in the time zone of the person. */
export function MomentField({ description, onChange, ...rest }: MomentFieldProps) {
  const { t } = useLingui();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return <TextInput {...rest} type="datetime-local" description={description ?? t`In your time zone, ${zone}`} onChange={(event) => onChange(event.currentTarget.value)} />;
}

export function momentOf(text: string): Timestamp | undefined {
  const date = new Date(text);
  return text === "" || Number.isNaN(date.getTime()) ? undefined : timestampFromDate(date);
}

export function textOfMoment(time: Timestamp | undefined): string {
  if (time === undefined) return "";
  const date = timestampDate(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
