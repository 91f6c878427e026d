import { create } from "@bufbuild/protobuf";
import { ExportSchedule_Cadence, ExportSchedule_Period, ExportScheduleSchema, ReportLanguage, UsageExportFormat } from "@megarouter/admin";
import { expect, test } from "vitest";

import { changedFields, newSchedule, scheduleOf, wantedOf, withCadence } from "../../src/forms/exports/wanted_schedule";
import { formatWeekday } from "../../src/util/times";

const named = { ...newSchedule("zh"), displayName: " Weekly " };

test("a schedule has only the day of its cadence, and its period is as long as it is apart", () => {
  expect(scheduleOf(named, {})).toMatchObject({ displayName: "Weekly", weekday: 1, period: ExportSchedule_Period.PREVIOUS_WEEK });
  expect(scheduleOf(named, {})).not.toHaveProperty("dayOfMonth");
  const daily = scheduleOf(withCadence(named, ExportSchedule_Cadence.DAILY), {});
  expect(daily).toMatchObject({ period: ExportSchedule_Period.PREVIOUS_DAY, hour: 7 });
  expect(daily).not.toHaveProperty("weekday");
  const monthly = scheduleOf(withCadence(named, ExportSchedule_Cadence.MONTHLY), {});
  expect(monthly).toMatchObject({ period: ExportSchedule_Period.PREVIOUS_MONTH, dayOfMonth: 1 });
  expect(monthly).not.toHaveProperty("weekday");
});

test("only a report has a language and a paper", () => {
  expect(scheduleOf(named, {})).toMatchObject({ language: ReportLanguage.CHINESE });
  expect(scheduleOf({ ...named, format: UsageExportFormat.CSV }, {})).not.toHaveProperty("language");
});

test("a schedule that is opened and saved stays as it is, and the form changes all that it shows", () => {
  const monthly = create(ExportScheduleSchema, scheduleOf({ ...withCadence(named, ExportSchedule_Cadence.MONTHLY), format: UsageExportFormat.CSV, dayOfMonth: 3 }, {}));
  const { usageFilter: _, ...kept } = monthly;
  expect({ ...kept, ...scheduleOf(wantedOf(monthly, "en")) }).toEqual(kept);
  const shown = Object.values(ExportScheduleSchema.field).filter((field) => field.localName in wantedOf(monthly, "en")).map((field) => field.name);
  expect(shown.toSorted()).toEqual(changedFields.toSorted());
});

test("weeks begin on Monday", () => {
  expect([1, 7].map((weekday) => formatWeekday(weekday, "en"))).toEqual(["Monday", "Sunday"]);
  expect(formatWeekday(3, "zh")).toBe("星期三");
});
