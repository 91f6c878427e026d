import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ExportSchedule, ExportSchedule_Cadence, ExportSchedule_Period, type ExportScheduleSchema, ReportLanguage, ReportPaper, UsageExportFormat,
} from "@megarouter/admin";

import { narrowedTo } from "../../components/selection/filters";
import { type NarrowedValue, filterTo } from "../../util/selected_usage";

/** What a person fills in about a schedule. The schedule is made of it on submit. */
export interface WantedSchedule {
  readonly displayName: string;
  readonly format: UsageExportFormat;
  readonly language: ReportLanguage;
  readonly paper: ReportPaper;
  readonly period: ExportSchedule_Period;
  readonly cadence: ExportSchedule_Cadence;
  /** From 1 for Monday; kept while another cadence is chosen. */
  readonly weekday: number;
  readonly dayOfMonth: number;
  readonly hour: number;
  /** What its calls are narrowed to. */
  readonly narrowed: readonly NarrowedValue[];
}

/** A report of the week before on each Monday, which most people want. */
export function newSchedule(language: string): WantedSchedule {
  return {
    displayName: "", format: UsageExportFormat.PDF, language: language === "zh" ? ReportLanguage.CHINESE : ReportLanguage.ENGLISH, paper: ReportPaper.A4,
    period: ExportSchedule_Period.PREVIOUS_WEEK, cadence: ExportSchedule_Cadence.WEEKLY, weekday: 1, dayOfMonth: 1, hour: 7, narrowed: [],
  };
}

/** What a person changes of a schedule that is there. */
export function wantedOf(schedule: ExportSchedule, language: string): WantedSchedule {
  const { displayName, format, period, cadence, hour } = schedule;
  const other = newSchedule(language);
  return {
    displayName, format, period, cadence, hour,
    language: schedule.language || other.language, paper: schedule.paper || other.paper, weekday: schedule.weekday || other.weekday, dayOfMonth: schedule.dayOfMonth || other.dayOfMonth,
    narrowed: schedule.usageFilter === undefined ? [] : narrowedTo(schedule.usageFilter),
  };
}

/** What the form changes: all but whether the schedule is paused. */
export const changedFields: readonly string[] = ["display_name", "format", "language", "paper", "period", "cadence", "weekday", "day_of_month", "hour", "usage_filter"];

const periodOf: Readonly<Record<ExportSchedule_Cadence, ExportSchedule_Period>> = {
  [ExportSchedule_Cadence.UNSPECIFIED]: ExportSchedule_Period.UNSPECIFIED,
  [ExportSchedule_Cadence.DAILY]: ExportSchedule_Period.PREVIOUS_DAY,
  [ExportSchedule_Cadence.WEEKLY]: ExportSchedule_Period.PREVIOUS_WEEK,
  [ExportSchedule_Cadence.MONTHLY]: ExportSchedule_Period.PREVIOUS_MONTH,
};

/** Chooses how often it runs. The period goes with it, so that every call is in one file, until the person chooses another. */
export function withCadence(wanted: WantedSchedule, cadence: ExportSchedule_Cadence): WantedSchedule {
  return { ...wanted, cadence, period: periodOf[cadence] };
}

/** The schedule that a person wants. `parent` is the name of the organization. */
export function scheduleOf(wanted: WantedSchedule, parent: string): MessageInitShape<typeof ExportScheduleSchema> {
  const { displayName, format, language, paper, period, cadence, weekday, dayOfMonth, hour, narrowed } = wanted;
  return {
    displayName: displayName.trim(), format, period, cadence, hour, ...(narrowed.length === 0 ? {} : { usageFilter: filterTo(narrowed, parent) }),
    ...(format === UsageExportFormat.PDF ? { language, paper } : {}),
    ...(cadence === ExportSchedule_Cadence.WEEKLY ? { weekday } : {}),
    ...(cadence === ExportSchedule_Cadence.MONTHLY ? { dayOfMonth } : {}),
  };
}
