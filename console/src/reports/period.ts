import { dayOf, midnight } from "../util/times";

/** Formats a time range: by its first and last day, if it is of whole days. */
export function formatPeriod(start: Date, end: Date, language: string, timeZone: string): string {
  const isWhole = [start, end].every((moment) => midnight(moment, timeZone).getTime() === moment.getTime());
  const format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone, ...(isWhole ? {} : { timeStyle: "short" }) });
  const last = isWhole ? new Date(end.getTime() - 1) : end;
  return dayOf(start, timeZone) === dayOf(last, timeZone) && isWhole ? format.format(start) : `${format.format(start)} – ${format.format(last)}`;
}
