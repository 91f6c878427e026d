import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";

import { formatAgo, midnight, startOf } from "../../src/util/times";

const now = new Date("2026-12-01T19:46:30.250Z");

test("a period of days begins at midnight of the organization, and has today as its last day", () => {
  expect(timestampDate(startOf("7d", now, "Europe/Berlin")).toISOString()).toBe("2026-11-24T23:00:00.000Z");
  expect(timestampDate(startOf("30d", now, "Asia/Kolkata")).toISOString()).toBe("2026-11-02T18:30:00.000Z");
});

test("24 hours begin with a whole hour", () => {
  expect(timestampDate(startOf("24h", now, "Europe/Berlin")).toISOString()).toBe("2026-11-30T19:00:00.000Z");
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
