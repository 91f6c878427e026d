import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type ExportSchedule, ExportSchedules } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Group, Text, VisuallyHidden } from "@mantine/core";
import { useState } from "react";

import { Confirmation } from "../../components/Confirmation";
import { Part } from "../../components/Part";
import { NarrowedTo } from "../../components/selection/Narrowed";
import { CreateSchedule, EditSchedule } from "../../forms/exports/ScheduleForm";
import { useParent } from "../../hooks/account";
import { pageSize, usePaging } from "../../hooks/paging";
import { messageOf } from "../../api/errors";
import { useSaving } from "../../hooks/saving";
import { type Column, DataTable } from "../../table/DataTable";
import { Pager } from "../../table/Pager";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { FormatName } from "./ExportTable";
import { usePauseReason, usePeriodName, useTimes } from "./schedule_texts";

/** Exports that the service starts at fixed times: the person's own. */
export function Schedules() {
  const [isAdding, setIsAdding] = useState(false);
  return (
    <Surface
      flush title={<Trans>Schedules</Trans>} hint={<Trans>Each run makes an export of the whole day, week or month before. Only you see them.</Trans>}
      actions={<Button variant="default" onClick={() => setIsAdding(true)}><Trans>Add a schedule</Trans></Button>}
    >
      <Part height={120}><Found /></Part>
      {isAdding && <CreateSchedule close={() => setIsAdding(false)} />}
    </Surface>
  );
}

function Found() {
  const parent = useParent();
  const { t } = useLingui();
  const periodName = usePeriodName();
  const paging = usePaging(parent);
  const { data } = useSuspenseQuery(ExportSchedules.method.listExportSchedules, { parent, pageSize, pageToken: paging.token });
  if (data.exportSchedules.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No schedules</Trans>} step={<Trans>Choose “Add a schedule” to get an export every day, week or month.</Trans>} command={'megarouter exports add-schedule "Weekly report" --of week --on monday --format pdf'} />;
  }
  const columns: readonly Column<ExportSchedule>[] = [
    {
      id: "name", header: <Trans>Name</Trans>,
      cell: (one) => <><Text size="sm" fw={500} className="cut">{one.displayName}</Text><Text size="xs" c="dimmed"><FormatName of={one.format} /> · {periodName(one.period)}</Text><Text size="xs" c="dimmed" className="cut"><NarrowedTo filter={one.usageFilter} /></Text></>,
    },
    { id: "next", header: <Trans>Runs</Trans>, cell: (one) => <Times one={one} /> },
    { id: "last", header: <Trans>Last run</Trans>, cell: (one) => <Time value={one.lastRunTime} ago />, shown: "wide" },
    { id: "actions", header: <VisuallyHidden><Trans>Actions</Trans></VisuallyHidden>, cell: (one) => <Actions one={one} />, align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Your schedules`} columns={columns} rows={data.exportSchedules} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken} />
    </>
  );
}

function Times({ one }: { readonly one: ExportSchedule }) {
  const times = useTimes();
  const pauseReason = usePauseReason();
  return (
    <>
      <Text size="sm" style={{ whiteSpace: "normal" }}>{times(one)}</Text>
      {one.paused
        ? <><Badge variant="light" radius="sm" tt="none" color="gray"><Trans>Paused</Trans></Badge><Text size="xs" c="dimmed" style={{ whiteSpace: "normal" }}>{pauseReason(one.pauseReason)}</Text></>
        : <Text size="xs" c="dimmed"><Time value={one.nextRunTime} ago /></Text>}
    </>
  );
}

function Actions({ one }: { readonly one: ExportSchedule }) {
  const { t } = useLingui();
  const { displayName, name, paused, etag } = one;
  const [isEditing, setIsEditing] = useState(false);
  const [isDeleting, setIsDeleting] = useState(false);
  const change = useSaving(ExportSchedules.method.updateExportSchedule, paused ? t`The schedule runs again.` : t`The schedule is paused.`);
  const remove = useSaving(ExportSchedules.method.deleteExportSchedule, t`The schedule is deleted.`);
  return (
    <Group gap={6} justify="flex-end">
      {change.isError && <Text size="xs" c="red" role="alert">{messageOf(change.error)}</Text>}
      <Button
        size="xs" variant="default" loading={change.isPending} aria-label={paused ? t`Resume ${displayName}` : t`Pause ${displayName}`}
        onClick={() => change.save({ exportSchedule: { name, etag, paused: !paused }, updateMask: { paths: ["paused"] } })}
      >
        {paused ? <Trans>Resume</Trans> : <Trans>Pause</Trans>}
      </Button>
      <Button size="xs" variant="default" aria-label={t`Edit ${displayName}`} onClick={() => setIsEditing(true)}><Trans>Edit</Trans></Button>
      <Button size="xs" variant="subtle" color="red" aria-label={t`Delete ${displayName}`} onClick={() => setIsDeleting(true)}><Trans>Delete</Trans></Button>
      {isEditing && <EditSchedule schedule={one} close={() => setIsEditing(false)} />}
      <Confirmation
        opened={isDeleting} close={() => setIsDeleting(false)} title={<Trans>Delete this schedule?</Trans>} about={displayName} verb={<Trans>Delete</Trans>} danger mutation={remove}
        confirm={() => remove.save({ name }, () => setIsDeleting(false))}
      >
        <Trans>It starts no more exports. Those that it made stay until they expire.</Trans>
      </Confirmation>
    </Group>
  );
}
