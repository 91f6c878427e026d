import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { UsageExport } from "@megarouter/admin";
import { expect, test } from "vitest";

import { fileNameOf } from "../../src/pages/exports/file_name";

const ofDays = (start: string, end: string) => {
  const timeRange = { startTime: timestampFromDate(new Date(start)), endTime: timestampFromDate(new Date(end)) } as UsageExport["timeRange"];
  return { name: "organizations/acme/usageExports/1", timeRange };
};

test("the file of an export is named by its first and its last day in the organization's time zone", () => {
  expect(fileNameOf(ofDays("2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"), "Europe/Berlin", "pdf")).toBe("acme-usage-2026-11-01-2026-11-30.pdf");
});

test("the file of an export of one day has the day once", () => {
  expect(fileNameOf(ofDays("2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"), "UTC", "csv")).toBe("acme-usage-2026-11-30.csv");
});
