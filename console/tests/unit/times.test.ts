import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";

import { formatPeriod } from "../../src/reports/period";
import { dayAfter, dayOf, formatAgo, formatTime, isDay, midnight, momentOf, rangeOf, startOf, startOfDay, textOfMoment } from "../../src/util/times";

const now = new Date("2026-12-01T19:46:30.250Z");

test("a period of days begins at midnight of the organization, and has today as its last day", () => {
  expect(timestampDate(startOf("7d", now, "Europe/Berlin")).toISOString()).toBe("2026-11-24T23:00:00.000Z");
  expect(timestampDate(startOf("30d", now, "Asia/Kolkata")).toISOString()).toBe("2026-11-02T18:30:00.000Z");
});

test("24 hours begin with a whole hour", () => {
  expect(timestampDate(startOf("24h", now, "Europe/Berlin")).toISOString()).toBe("2026-11-30T19:00:00.000Z");
});

test.each([
  ["month", "2026-12-31T15:30:00Z", "Asia/Tokyo", "2026-12-31T15:00:00.000Z", undefined],
  ["month", "2026-12-31T14:30:00Z", "Asia/Tokyo", "2026-11-30T15:00:00.000Z", undefined],
  ["lastMonth", "2027-01-01T12:00:00Z", "Europe/Berlin", "2026-11-30T23:00:00.000Z", "2026-12-31T23:00:00.000Z"],
  ["lastMonth", "2026-04-10T12:00:00Z", "Europe/Berlin", "2026-02-28T23:00:00.000Z", "2026-03-31T22:00:00.000Z"],
] as const)("%s at %s in %s begins at %s and ends at %s", (period, moment, timeZone, start, end) => {
  const { startTime, endTime } = rangeOf(period, new Date(moment), timeZone);
  expect(timestampDate(startTime).toISOString()).toBe(start);
  expect(endTime && timestampDate(endTime).toISOString()).toBe(end);
});

test("midnight is that of the time zone, whose day may be another", () => {
  expect(midnight(now, "Pacific/Auckland").toISOString()).toBe("2026-12-01T11:00:00.000Z");
});

test.each([
  ["2026-12-01T19:46:00Z", "now"],
  ["2026-12-01T16:46:00Z", "3 hours ago"],
  ["2026-11-30T12:00:00Z", "yesterday"],
  ["2027-01-01T00:00:00Z", "next month"],
])("%s is %s", (moment, shown) => {
  expect(formatAgo(timestampFromDate(new Date(moment)), now, "en")).toBe(shown);
});

test.each([
  ["Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00.000Z"],
  ["Europe/Berlin", "2026-03-30", "2026-03-29T22:00:00.000Z"],
  ["Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00.000Z"],
  ["Europe/Berlin", "2026-10-26", "2026-10-25T23:00:00.000Z"],
  ["Asia/Kolkata", "2026-11-30", "2026-11-29T18:30:00.000Z"],
  // Clocks are put forward at midnight: the day begins at one.
  ["Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00.000Z"],
  // Clocks are put back at midnight: the hour before belongs to the day before.
  ["Asia/Beirut", "2026-10-25", "2026-10-24T22:00:00.000Z"],
])("in %s, %s begins at %s", (timeZone, day, start) => {
  expect(startOfDay(day, timeZone).toISOString()).toBe(start);
});

test("midnight is right on a day on which the clocks change", () => {
  expect(midnight(new Date("2026-03-29T10:00:00Z"), "Europe/Berlin").toISOString()).toBe("2026-03-28T23:00:00.000Z");
});

test.each([
  ["Europe/Berlin", "2026-12-31T18:00", "2026-12-31T17:00:00.000Z"],
  ["Asia/Kolkata", "2026-07-01T00:15", "2026-06-30T18:45:00.000Z"],
  // The clocks are put back in the night before.
  ["Europe/Berlin", "2026-10-25T12:00", "2026-10-25T11:00:00.000Z"],
])("in %s, the clocks show %s at %s", (timeZone, text, moment) => {
  const time = momentOf(text, timeZone);
  expect(time && timestampDate(time).toISOString()).toBe(moment);
  expect(textOfMoment(time, timeZone)).toBe(text);
});

test("a time is shown by the clocks of the time zone", () => {
  expect(formatTime(timestampFromDate(new Date("2026-12-31T23:30:07Z")), "en", "Asia/Tokyo")).toMatch(/^Jan 1, 2027, 8:30:07\sAM$/);
  // What begins or ends on a whole minute was set so.
  expect(formatTime(timestampFromDate(new Date("2026-12-31T15:00:00Z")), "en", "Asia/Tokyo")).toMatch(/^Jan 1, 2027, 12:00\sAM$/);
  expect(formatTime(timestampFromDate(new Date("2026-12-31T15:00:00.5Z")), "en", "Asia/Tokyo")).toMatch(/12:00:00\sAM$/);
});

test("a day is one of the calendar", () => {
  expect(["2026-02-28", "2026-02-29", "2026-2-1", "today", 20260201].map(isDay)).toEqual([true, false, false, false, false]);
  expect(dayAfter("2026-02-28")).toBe("2026-03-01");
  expect(dayOf(new Date("2026-12-01T19:46:30Z"), "Pacific/Auckland")).toBe("2026-12-02");
});

test.each([
  ["2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z", "Nov 1, 2026 – Nov 30, 2026"],
  ["2026-11-30T23:00:00Z", "2026-12-01T23:00:00Z", "Dec 1, 2026"],
  ["2026-11-30T23:00:00Z", "2026-12-01T10:30:00Z", "Dec 1, 2026, 12:00 AM – Dec 1, 2026, 11:30 AM"],
])("from %s to %s, a person in Berlin reads %s", (start, end, shown) => {
  expect(formatPeriod(new Date(start), new Date(end), "en", "Europe/Berlin").replaceAll("\u202f", " ")).toBe(shown);
});
