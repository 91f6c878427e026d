import { type DescField, type DescMessage, type DescMethodUnary, type Message, toJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";

import { type CsvColumn, amountCell } from "../util/csv";

const nanoCredits = /_nano_credits$/;

/** The rows of a list, and the columns that the API has of them: one for each field, under its name. */
export interface Rows {
  readonly columns: readonly CsvColumn<Message>[];
  readonly of: (answer: Message) => readonly Message[];
  readonly nextPageToken: (answer: Message) => string;
}

/** Finds the rows in the answers of a method that lists something (AIP-132). */
export function rowsOf(method: DescMethodUnary): Rows {
  const list = method.output.fields.find((field) => field.fieldKind === "list" && field.listKind === "message");
  if (list?.fieldKind !== "list" || list.listKind !== "message") throw new Error(`${method.name} lists nothing`);
  const row = list.message;
  const read = (answer: Message, name: string): unknown => (answer as unknown as Record<string, unknown>)[name];
  return {
    columns: row.fields.map((field) => columnOf(row, field)),
    of: (answer) => read(answer, list.localName) as readonly Message[],
    nextPageToken: (answer) => String(read(answer, "nextPageToken") ?? ""),
  };
}

/** Amounts are in credits, times in UTC; what has parts is JSON. An unset field is an empty cell. */
function columnOf(row: DescMessage, field: DescField): CsvColumn<Message> {
  return {
    header: field.name.replace(nanoCredits, "_credits"), isText: true,
    cell: (message) => {
      const reflected = reflect(row, message);
      return reflected.isSet(field) || field.fieldKind === "scalar" ? textOf(message, field) : "";
    },
  };
}

function textOf(message: Message, field: DescField): string {
  const value = (message as unknown as Record<string, unknown>)[field.localName];
  if (value === undefined) return "";
  if (typeof value === "bigint") return nanoCredits.test(field.name) ? amountCell(value) : String(value);
  if (field.fieldKind === "enum") return field.enum.values.find(({ number }) => number === value)?.name ?? String(value);
  if (field.fieldKind === "scalar") return String(value);
  if (field.fieldKind === "message" && field.message.typeName === "google.protobuf.Timestamp") return timestampDate(value as Timestamp).toISOString();
  if (field.fieldKind === "message") return JSON.stringify(toJson(field.message, value as Message));
  if (field.fieldKind === "list" && field.listKind === "scalar") return (value as readonly unknown[]).map(String).join(" ");
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part));
}
