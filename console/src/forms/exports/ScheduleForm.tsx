import { type ExportSchedule, ExportSchedule_Cadence, ExportSchedule_Period, ExportSchedules, ReportLanguage, ReportPaper, UsageExportFormat } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { NativeSelect, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { FormDialog } from "../../components/FormDialog";
import { Narrowed, NarrowedTo } from "../../components/selection/Narrowed";
import { narrowedTo } from "../../components/selection/filters";
import { useParent, useTimeZone } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { useSelection, useUsageQuestion } from "../../hooks/usage";
import { narrowings } from "../../util/selection";
import { formatWeekday } from "../../util/times";
import { type WantedSchedule, changedFields, newSchedule, scheduleOf, wantedOf, withCadence } from "./wanted_schedule";

const weekdays = [1, 2, 3, 4, 5, 6, 7] as const;
const daysOfMonth = Array.from({ length: 28 }, (_, index) => String(index + 1));
const hours = Array.from({ length: 24 }, (_, hour) => ({ value: String(hour), label: `${String(hour).padStart(2, "0")}:00` }));

/** Adds a schedule, with the filters that the page has. */
export function CreateSchedule({ close }: { readonly close: () => void }) {
  const { t } = useLingui();
  const parent = useParent();
  const { usageFilter } = useUsageQuestion();
  const { period } = useSelection();
  const isOfMonth = period === "month" || period === "lastMonth";
  const language = useLanguage();
  const [wanted, setWanted] = useState(() => (isOfMonth ? withCadence(newSchedule(language), ExportSchedule_Cadence.MONTHLY) : newSchedule(language)));
  const requestId = useRequestId(JSON.stringify([wanted, usageFilter]));
  const saving = useSaving(ExportSchedules.method.createExportSchedule, t`The schedule is added.`);
  return (
    <FormDialog
      opened close={close} wide title={<Trans>Add a schedule</Trans>} verb={<Trans>Add</Trans>} saving={saving} blocked={blockedBy(wanted)}
      submit={() => saving.save({ parent, requestId, exportSchedule: scheduleOf(wanted, usageFilter) }, close)}
    >
      <Fields wanted={wanted} change={setWanted} nameError={saving.violation("export_schedule.display_name")}><Filters /></Fields>
    </FormDialog>
  );
}

/** Changes a schedule. Its filters stay. */
export function EditSchedule({ schedule, close }: { readonly schedule: ExportSchedule; readonly close: () => void }) {
  const { t } = useLingui();
  const [wanted, setWanted] = useState(wantedOf(schedule, useLanguage()));
  const saving = useSaving(ExportSchedules.method.updateExportSchedule, t`The schedule is changed.`);
  const { name, etag } = schedule;
  const isNarrowed = schedule.usageFilter !== undefined && narrowedTo(schedule.usageFilter).length > 0;
  return (
    <FormDialog
      opened close={close} wide title={<Trans>Change the schedule</Trans>} verb={<Trans>Save</Trans>} saving={saving} blocked={blockedBy(wanted)}
      submit={() => saving.save({ exportSchedule: { name, etag, ...scheduleOf(wanted) }, updateMask: { paths: [...changedFields] } }, close)}
    >
      <Fields wanted={wanted} change={setWanted} nameError={saving.violation("export_schedule.display_name")}>
        <Text size="sm" c="dimmed">{isNarrowed ? <Trans>Its filters stay as they are: <NarrowedTo filter={schedule.usageFilter} /></Trans> : <Trans>It has no filter, which stays so: all calls that you may see when it runs.</Trans>}</Text>
      </Fields>
    </FormDialog>
  );
}

function blockedBy({ displayName }: WantedSchedule): ReactNode {
  return displayName.trim() === "" ? <Trans>Enter a name.</Trans> : undefined;
}

interface FieldsProps {
  readonly wanted: WantedSchedule;
  readonly change: (wanted: WantedSchedule) => void;
  readonly nameError: string | undefined;
  /** What is said of the filters. */
  readonly children: ReactNode;
}

function Fields({ wanted, change, nameError, children }: FieldsProps) {
  const { t } = useLingui();
  return (
    <Stack gap="md">
      <TextInput label={t`Name`} required maxLength={200} value={wanted.displayName} onChange={(event) => change({ ...wanted, displayName: event.currentTarget.value })} error={nameError} data-autofocus />
      <What wanted={wanted} change={(part) => change({ ...wanted, ...part })} />
      <When wanted={wanted} change={change} />
      {children}
    </Stack>
  );
}

function What({ wanted, change }: { readonly wanted: WantedSchedule; readonly change: (part: Partial<WantedSchedule>) => void }) {
  const { t } = useLingui();
  return (
    <SimpleGrid cols={{ base: 1, xs: 3 }}>
      <NativeSelect
        label={t`Format`} value={String(wanted.format)} onChange={(event) => change({ format: Number(event.currentTarget.value) as UsageExportFormat })}
        data={[{ value: String(UsageExportFormat.PDF), label: t`Report (PDF)` }, { value: String(UsageExportFormat.CSV), label: t`Calls (CSV)` }, { value: String(UsageExportFormat.FOCUS), label: "FOCUS 1.2" }]}
      />
      {wanted.format === UsageExportFormat.PDF && (
        <>
          <NativeSelect
            label={t`Language of the report`} value={String(wanted.language)} onChange={(event) => change({ language: Number(event.currentTarget.value) as ReportLanguage })}
            data={[{ value: String(ReportLanguage.ENGLISH), label: "English" }, { value: String(ReportLanguage.CHINESE), label: "简体中文" }]}
          />
          <NativeSelect
            label={t`Paper`} value={String(wanted.paper)} onChange={(event) => change({ paper: Number(event.currentTarget.value) as ReportPaper })}
            data={[{ value: String(ReportPaper.A4), label: "A4" }, { value: String(ReportPaper.LETTER), label: "US Letter" }]}
          />
        </>
      )}
    </SimpleGrid>
  );
}

function When({ wanted, change }: { readonly wanted: WantedSchedule; readonly change: (wanted: WantedSchedule) => void }) {
  const { t } = useLingui();
  const language = useLanguage();
  const timeZone = useTimeZone();
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 3 }}>
        <NativeSelect
          label={t`Runs`} value={String(wanted.cadence)} onChange={(event) => change(withCadence(wanted, Number(event.currentTarget.value) as ExportSchedule_Cadence))}
          data={[{ value: String(ExportSchedule_Cadence.DAILY), label: t`Every day` }, { value: String(ExportSchedule_Cadence.WEEKLY), label: t`Every week` }, { value: String(ExportSchedule_Cadence.MONTHLY), label: t`Every month` }]}
        />
        {wanted.cadence === ExportSchedule_Cadence.WEEKLY && (
          <NativeSelect
            label={t`Day of the week`} value={String(wanted.weekday)} onChange={(event) => change({ ...wanted, weekday: Number(event.currentTarget.value) })}
            data={weekdays.map((weekday) => ({ value: String(weekday), label: formatWeekday(weekday, language) }))}
          />
        )}
        {wanted.cadence === ExportSchedule_Cadence.MONTHLY && (
          <NativeSelect label={t`Day of the month`} value={String(wanted.dayOfMonth)} onChange={(event) => change({ ...wanted, dayOfMonth: Number(event.currentTarget.value) })} data={daysOfMonth} />
        )}
        <NativeSelect label={t`Hour`} description={timeZone} inputWrapperOrder={["label", "input", "description"]} value={String(wanted.hour)} onChange={(event) => change({ ...wanted, hour: Number(event.currentTarget.value) })} data={hours} />
      </SimpleGrid>
      <NativeSelect
        label={t`Exported period`} value={String(wanted.period)} onChange={(event) => change({ ...wanted, period: Number(event.currentTarget.value) as ExportSchedule_Period })}
        data={[
          { value: String(ExportSchedule_Period.PREVIOUS_DAY), label: t`The day before` }, { value: String(ExportSchedule_Period.PREVIOUS_WEEK), label: t`The week before, Monday to Sunday` },
          { value: String(ExportSchedule_Period.PREVIOUS_MONTH), label: t`The whole month before` },
        ]}
      />
    </>
  );
}

function Filters() {
  const selection = useSelection();
  const isNarrowed = narrowings.some((name) => selection[name] !== undefined);
  return (
    <div>
      <Text size="sm" c="dimmed" mb={isNarrowed ? "xs" : 0}>
        {isNarrowed ? <Trans>Only calls with these filters of the page:</Trans> : <Trans>All calls that you may see when it runs. To narrow them, choose filters on the page first.</Trans>}
      </Text>
      <Narrowed />
    </div>
  );
}
