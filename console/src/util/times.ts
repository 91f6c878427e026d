import { type Timestamp, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";

/** Formats a moment. A whole minute has no seconds: it is when something is set to begin or end, and not when something happened. */
export function formatTime(time: Timestamp, language: string, timeZone: string): string {
  const isWholeMinute = time.nanos === 0 && time.seconds % 60n === 0n;
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: isWholeMinute ? "short" : "medium", timeZone }).format(timestampDate(time));
}

/** Returns the last moment of what ends at a time: the end of November is the first moment of December. */
export function lastMomentOf(end: Timestamp): Timestamp {
  return timestampFromDate(new Date(timestampDate(end).getTime() - 1));
}

export function formatDay(time: Timestamp, language: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(language, { month: "short", day: "numeric", timeZone }).format(timestampDate(time));
}

const units: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 365 * 24 * 3600],
  ["month", 30 * 24 * 3600],
  ["day", 24 * 3600],
  ["hour", 3600],
  ["minute", 60],
];

/** Formats how long ago, or in how long: "3 hours ago". */
export function formatAgo(time: Timestamp, now: Date, language: string): string {
  const seconds = (timestampDate(time).getTime() - now.getTime()) / 1000;
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
  }
  return format.format(0, "second");
}

/** The periods that analytics and calls offer. */
export const periods = ["24h", "7d", "30d", "90d", "365d", "month", "lastMonth"] as const;
export type Period = (typeof periods)[number];
const daysOf = { "24h": 1, "7d": 7, "30d": 30, "90d": 90, "365d": 365 } as const;

/** A time range of the API. One without an end goes on. */
export interface TimeRange {
  readonly startTime: Timestamp;
  readonly endTime?: Timestamp;
}

export function isPeriod(text: unknown): text is Period {
  return periods.includes(text as Period);
}

/** Returns the time range of a period. All but the last month end now; months and days begin at midnight in the organization's time zone. */
export function rangeOf(period: Period, now: Date, timeZone: string): TimeRange {
  if (period !== "month" && period !== "lastMonth") return { startTime: startOf(period, now, timeZone) };
  const start = startOfMonth(now, timeZone);
  if (period === "month") return { startTime: timestampFromDate(start) };
  return { startTime: timestampFromDate(startOfMonth(new Date(start.getTime() - 1), timeZone)), endTime: timestampFromDate(start) };
}

/** Returns the start of so many days that end now. */
export function startOf(period: keyof typeof daysOf, now: Date, timeZone: string): Timestamp {
  const start = new Date(now.getTime() - daysOf[period] * 24 * 3600_000);
  if (period === "24h") return timestampFromDate(new Date(Math.floor(start.getTime() / 3600_000) * 3600_000));
  return timestampFromDate(midnight(new Date(start.getTime() + 24 * 3600_000), timeZone));
}

/** Returns the midnight before a moment in a time zone. Where a clock was put forward at midnight, it is the first moment of the day. */
export function midnight(moment: Date, timeZone: string): Date {
  return startOfDay(dayOf(moment, timeZone), timeZone);
}

/** Returns the first moment of the month that a moment is in, in a time zone. */
export function startOfMonth(moment: Date, timeZone: string): Date {
  return startOfDay(`${dayOf(moment, timeZone).slice(0, 7)}-01`, timeZone);
}

const dayPattern = /^(\d{4})-(\d{2})-(\d{2})$/;
const dayMs = 24 * 3600_000;

/** Whether a text is a day of the calendar, such as `2026-11-30`. */
export function isDay(text: unknown): text is string {
  if (typeof text !== "string" || !dayPattern.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

export function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + dayMs).toISOString().slice(0, 10);
}

export function dayBefore(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) - dayMs).toISOString().slice(0, 10);
}

/** Returns the day that a moment is on in a time zone. */
export function dayOf(moment: Date, timeZone: string): string {
  return new Date(moment.getTime() + offsetMs(moment, timeZone)).toISOString().slice(0, 10);
}

/** Returns the first and the last day of a time range in a time zone, for the names of files; one day once. */
export function daysIn({ startTime, endTime }: { readonly startTime?: Timestamp | undefined; readonly endTime?: Timestamp | undefined }, timeZone: string): readonly string[] {
  const days = [startTime, endTime && lastMomentOf(endTime)].flatMap((time) => (time === undefined ? [] : [dayOf(timestampDate(time), timeZone)]));
  return [...new Set(days)];
}

/** Returns the first moment of a day in a time zone, in which clocks may be put forward at midnight, or back to the day before. */
export function startOfDay(day: string, timeZone: string): Date {
  const utcMs = Date.parse(`${day}T00:00:00Z`);
  const candidates = [utcMs - dayMs, utcMs + dayMs].map((near) => utcMs - offsetMs(new Date(near), timeZone)).sort((a, b) => a - b);
  // By the clocks before and after a change near it. Where midnight is skipped, neither is midnight, and the later one is when the day begins.
  const isMidnight = (ms: number): boolean => new Date(ms + offsetMs(new Date(ms), timeZone)).toISOString().startsWith(`${day}T00:00`);
  return new Date(candidates.find(isMidnight) ?? Math.max(...candidates));
}

/** By how much the clocks of a time zone are ahead of UTC at a moment. */
function offsetMs(moment: Date, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(moment);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const wallMs = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return wallMs - Math.floor(moment.getTime() / 1000) * 1000;
}

/** Returns the name of a day of the week, from 1 for Monday to 7 for Sunday. */
export function formatWeekday(weekday: number, language: string): string {
  // January 5, 1970, was a Monday.
  return new Intl.DateTimeFormat(language, { weekday: "long", timeZone: "UTC" }).format(new Date(Date.UTC(1970, 0, 4 + weekday)));
}

export function formatDate(time: Timestamp, language: string, timeZone?: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone }).format(timestampDate(time));
}

/** Returns the moment at which the clocks of a time zone show a text such as `2026-12-31T18:00`; undefined if there is none. */
export function momentOf(text: string, timeZone: string): Timestamp | undefined {
  const wallMs = Date.parse(`${text}Z`);
  if (text === "" || Number.isNaN(wallMs)) return undefined;
  const nearMs = wallMs - offsetMs(new Date(wallMs), timeZone);
  return timestampFromDate(new Date(wallMs - offsetMs(new Date(nearMs), timeZone)));
}

/** Returns what the clocks of a time zone show at a moment, as `momentOf` reads it. */
export function textOfMoment(time: Timestamp | undefined, timeZone: string): string {
  if (time === undefined) return "";
  const date = timestampDate(time);
  return new Date(date.getTime() + offsetMs(date, timeZone)).toISOString().slice(0, 16);
}
