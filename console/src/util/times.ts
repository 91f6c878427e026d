import { type Timestamp, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";

export function formatTime(time: Timestamp, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(timestampDate(time));
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
export const periods = ["24h", "7d", "30d", "90d", "365d"] as const;
export type Period = (typeof periods)[number];
const daysOf: Record<Period, number> = { "24h": 1, "7d": 7, "30d": 30, "90d": 90, "365d": 365 };

export function isPeriod(text: unknown): text is Period {
  return periods.includes(text as Period);
}

/** Returns the start of a period that ends now. Periods of days begin at midnight in the organization's time zone. */
export function startOf(period: Period, now: Date, timeZone: string): Timestamp {
  const start = new Date(now.getTime() - daysOf[period] * 24 * 3600_000);
  if (period === "24h") return timestampFromDate(new Date(Math.floor(start.getTime() / 3600_000) * 3600_000));
  return timestampFromDate(midnight(new Date(start.getTime() + 24 * 3600_000), timeZone));
}

/** Returns the midnight before a moment in a time zone. Where a clock was put forward at midnight, it is the first moment of the day. */
export function midnight(moment: Date, timeZone: string): Date {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone, hourCycle: "h23", hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(moment);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const sinceMs = ((of("hour") * 60 + of("minute")) * 60 + of("second")) * 1000 + (moment.getTime() % 1000);
  return new Date(moment.getTime() - sinceMs);
}
