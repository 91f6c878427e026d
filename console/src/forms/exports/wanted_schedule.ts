import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ExportSchedule, ExportSchedule_Cadence, ExportSchedule_Period, type ExportScheduleSchema, ReportLanguage, ReportPaper, UsageExportFormat, type UsageFilterSchema,
} from "@megarouter/admin";

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
}

/** A report of the week before on each Monday, which most people want. */
export function newSchedule(language: string): WantedSchedule {
  return {
    displayName: "", format: UsageExportFormat.PDF, language: language === "zh" ? ReportLanguage.CHINESE : ReportLanguage.ENGLISH, paper: ReportPaper.A4,
    period: ExportSchedule_Period.PREVIOUS_WEEK, cadence: ExportSchedule_Cadence.WEEKLY, weekday: 1, dayOfMonth: 1, hour: 7,
  };
}

/** What a person changes of a schedule that is there. */
export function wantedOf(schedule: ExportSchedule, language: string): WantedSchedule {
  const { displayName, format, period, cadence, hour } = schedule;
  const other = newSchedule(language);
  return {
    displayName, format, period, cadence, hour,
    language: schedule.language || other.language, paper: schedule.paper || other.paper, weekday: schedule.weekday || other.weekday, dayOfMonth: schedule.dayOfMonth || other.dayOfMonth,
  };
}

/** What the form changes: all but the filters, and whether the schedule is paused. */
export const changedFields: readonly string[] = ["display_name", "format", "language", "paper", "period", "cadence", "weekday", "day_of_month", "hour"];

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

export function scheduleOf(wanted: WantedSchedule, usageFilter?: MessageInitShape<typeof UsageFilterSchema>): MessageInitShape<typeof ExportScheduleSchema> {
  const { displayName, format, language, paper, period, cadence, weekday, dayOfMonth, hour } = wanted;
  return {
    displayName: displayName.trim(), format, period, cadence, hour, ...(usageFilter === undefined ? {} : { usageFilter }),
    ...(format === UsageExportFormat.PDF ? { language, paper } : {}),
    ...(cadence === ExportSchedule_Cadence.WEEKLY ? { weekday } : {}),
    ...(cadence === ExportSchedule_Cadence.MONTHLY ? { dayOfMonth } : {}),
  };
}
