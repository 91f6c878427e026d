import { type ExportSchedule, ExportSchedule_Cadence, ExportSchedule_Period, ExportSchedules, ReportLanguage, ReportPaper, UsageExportFormat } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Group, Input, NativeSelect, SimpleGrid, Stack, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { FormDialog } from "../../components/FormDialog";
import { FilterMenu } from "../../components/selection/FilterMenu";
import { OneNarrowed } from "../../components/selection/Narrowed";
import { useParent, useTimeZone } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { useSelection } from "../../hooks/usage";
import { type NarrowedValue, narrowedBy } from "../../util/selected_usage";
import { formatWeekday } from "../../util/times";
import { type WantedSchedule, changedFields, newSchedule, scheduleOf, wantedOf, withCadence } from "./wanted_schedule";

const weekdays = [1, 2, 3, 4, 5, 6, 7] as const;
const daysOfMonth = Array.from({ length: 28 }, (_, index) => String(index + 1));
const hours = Array.from({ length: 24 }, (_, hour) => ({ value: String(hour), label: `${String(hour).padStart(2, "0")}:00` }));

/** Adds a schedule. It begins with the filters that the page has. */
export function CreateSchedule({ close }: { readonly close: () => void }) {
  const { t } = useLingui();
  const parent = useParent();
  const selection = useSelection();
  const isOfMonth = selection.period === "month" || selection.period === "lastMonth";
  const first = { ...newSchedule(useLanguage()), narrowed: narrowedBy(selection) };
  const [wanted, setWanted] = useState(isOfMonth ? withCadence(first, ExportSchedule_Cadence.MONTHLY) : first);
  const requestId = useRequestId(JSON.stringify(wanted));
  const saving = useSaving(ExportSchedules.method.createExportSchedule, t`The schedule is added.`);
  return (
    <FormDialog
      opened close={close} wide title={<Trans>Add a schedule</Trans>} verb={<Trans>Add</Trans>} saving={saving} blocked={blockedBy(wanted)}
      submit={() => saving.save({ parent, requestId, exportSchedule: scheduleOf(wanted, parent) }, close)}
    >
      <Fields wanted={wanted} change={setWanted} violation={saving.violation} />
    </FormDialog>
  );
}

/** Changes a schedule. */
export function EditSchedule({ schedule, close }: { readonly schedule: ExportSchedule; readonly close: () => void }) {
  const { t } = useLingui();
  const parent = useParent();
  const [wanted, setWanted] = useState(wantedOf(schedule, useLanguage()));
  const saving = useSaving(ExportSchedules.method.updateExportSchedule, t`The schedule is changed.`);
  const { name, etag } = schedule;
  return (
    <FormDialog
      opened close={close} wide title={<Trans>Change the schedule</Trans>} verb={<Trans>Save</Trans>} saving={saving} blocked={blockedBy(wanted)}
      submit={() => saving.save({ exportSchedule: { name, etag, ...scheduleOf(wanted, parent) }, updateMask: { paths: [...changedFields] } }, close)}
    >
      <Fields wanted={wanted} change={setWanted} violation={saving.violation} />
    </FormDialog>
  );
}

function blockedBy({ displayName }: WantedSchedule): ReactNode {
  return displayName.trim() === "" ? <Trans>Enter a name.</Trans> : undefined;
}

interface FieldsProps {
  readonly wanted: WantedSchedule;
  readonly change: (wanted: WantedSchedule) => void;
  /** What the service says is wrong with a field. */
  readonly violation: (field: string) => string | undefined;
}

function Fields({ wanted, change, violation }: FieldsProps) {
  const { t } = useLingui();
  return (
    <Stack gap="md">
      <TextInput label={t`Name`} required maxLength={200} value={wanted.displayName} onChange={(event) => change({ ...wanted, displayName: event.currentTarget.value })} error={violation("export_schedule.display_name")} data-autofocus />
      <What wanted={wanted} change={(part) => change({ ...wanted, ...part })} />
      <When wanted={wanted} change={change} />
      <Filters narrowed={wanted.narrowed} change={(narrowed) => change({ ...wanted, narrowed })} error={violation("export_schedule.usage_filter")} />
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

interface FiltersProps {
  readonly narrowed: readonly NarrowedValue[];
  readonly change: (narrowed: readonly NarrowedValue[]) => void;
  readonly error: string | undefined;
}

function Filters({ narrowed, change, error }: FiltersProps) {
  const { t } = useLingui();
  const without = (narrowing: string, value: string): NarrowedValue[] => narrowed.filter(([name, one]) => name !== narrowing || one !== value);
  return (
    <Input.Wrapper component="fieldset" labelElement="div" label={t`Filters`} error={error} description={narrowed.length === 0 ? t`None: all calls that you may see when it runs` : t`Only these calls, of those that you may see when it runs`} style={{ border: 0, padding: 0, margin: 0, minWidth: 0 }}>
      <Group gap="xs" mt={6}>
        {narrowed.map(([name, value]) => <OneNarrowed key={`${name} ${value}`} narrowing={name} value={value} remove={() => change(without(name, value))} />)}
        <FilterMenu narrow={(name, value) => change([...without(name, value), [name, value]])} />
      </Group>
    </Input.Wrapper>
  );
}
