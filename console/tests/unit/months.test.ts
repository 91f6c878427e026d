import { expect, test } from "vitest";

import { addMonths, isMonth, monthOf, startOfMonth } from "../../src/util/months";

test.each([
  ["2026-11", "UTC", "2026-11-01T00:00:00.000Z"],
  ["2026-11", "Asia/Shanghai", "2026-10-31T16:00:00.000Z"],
  ["2026-11", "America/Los_Angeles", "2026-11-01T07:00:00.000Z"],
  ["2026-11", "Pacific/Kiritimati", "2026-10-31T10:00:00.000Z"],
  ["2026-11", "Pacific/Pago_Pago", "2026-11-01T11:00:00.000Z"],
])("%s begins in %s at %s", (month, zone, start) => {
  expect(startOfMonth(month, zone).toISOString()).toBe(start);
});

test("the month of a moment is that of the time zone", () => {
  const moment = new Date("2026-10-31T20:00:00Z");
  expect([monthOf(moment, "UTC"), monthOf(moment, "Asia/Shanghai")]).toEqual(["2026-10", "2026-11"]);
});

test("months are counted over the years", () => {
  expect([addMonths("2026-01", -1), addMonths("2026-12", 1), addMonths("2026-06", -18)]).toEqual(["2025-12", "2027-01", "2024-12"]);
});

test("other texts are no months", () => {
  expect(["2026-11", "2026-13", "2026-1", "", undefined].map(isMonth)).toEqual([true, false, false, false, false]);
});
