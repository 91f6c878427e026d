import { create } from "@bufbuild/protobuf";
import { ExportSchedule_Cadence, ExportSchedule_Period, ExportScheduleSchema, ReportLanguage, UsageExportFormat } from "@megarouter/admin";
import { expect, test } from "vitest";

import { changedFields, newSchedule, scheduleOf, wantedOf, withCadence } from "../../src/forms/exports/wanted_schedule";
import { formatWeekday } from "../../src/util/times";

const parent = "organizations/acme";
const named = { ...newSchedule("zh"), displayName: " Weekly " };

test("a schedule has only the day of its cadence, and its period is as long as it is apart", () => {
  expect(scheduleOf(named, parent)).toMatchObject({ displayName: "Weekly", weekday: 1, period: ExportSchedule_Period.PREVIOUS_WEEK });
  expect(scheduleOf(named, parent)).not.toHaveProperty("dayOfMonth");
  const daily = scheduleOf(withCadence(named, ExportSchedule_Cadence.DAILY), parent);
  expect(daily).toMatchObject({ period: ExportSchedule_Period.PREVIOUS_DAY, hour: 7 });
  expect(daily).not.toHaveProperty("weekday");
  const monthly = scheduleOf(withCadence(named, ExportSchedule_Cadence.MONTHLY), parent);
  expect(monthly).toMatchObject({ period: ExportSchedule_Period.PREVIOUS_MONTH, dayOfMonth: 1 });
  expect(monthly).not.toHaveProperty("weekday");
});

test("only a report has a language and a paper", () => {
  expect(scheduleOf(named, parent)).toMatchObject({ language: ReportLanguage.CHINESE });
  expect(scheduleOf({ ...named, format: UsageExportFormat.CSV }, parent)).not.toHaveProperty("language");
});

test("a schedule that is opened and saved stays as it is, and the form changes all that it shows", () => {
  const monthly = create(ExportScheduleSchema, scheduleOf({ ...withCadence(named, ExportSchedule_Cadence.MONTHLY), format: UsageExportFormat.CSV, dayOfMonth: 3, narrowed: [["group", "sales"], ["group", "eng"], ["status", "failed"]] }, parent));
  expect(scheduleOf(wantedOf(monthly, "en"), parent)).toMatchObject({ usageFilter: { groups: [`${parent}/groups/sales`, `${parent}/groups/eng`] } });
  expect(create(ExportScheduleSchema, scheduleOf(wantedOf(monthly, "en"), parent))).toEqual(monthly);
  const shown = Object.values(ExportScheduleSchema.field).filter((field) => field.localName in wantedOf(monthly, "en")).map((field) => field.name).concat("usage_filter");
  expect(shown.toSorted()).toEqual(changedFields.toSorted());
});

test("a schedule whose last filter was taken away has none", () => {
  expect(scheduleOf(named, parent)).not.toHaveProperty("usageFilter");
});

test("weeks begin on Monday", () => {
  expect([1, 7].map((weekday) => formatWeekday(weekday, "en"))).toEqual(["Monday", "Sunday"]);
  expect(formatWeekday(3, "zh")).toBe("星期三");
});
