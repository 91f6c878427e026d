import { type UsageExport, UsageExportFormat, UsageExport_State } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Progress, Text, VisuallyHidden } from "@mantine/core";

import { NarrowedTo } from "../../components/selection/Narrowed";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { type Column, DataTable } from "../../table/DataTable";
import { Time } from "../../ui/Time";
import { formatBytes, formatCount, formatPercent } from "../../util/numbers";
import { formatDay, lastMomentOf } from "../../util/times";
import { ExportActions } from "./ExportActions";

/** The exports with how far they are, and what can be done with each. */
export function ExportTable({ exports }: { readonly exports: readonly UsageExport[] }) {
  const { t } = useLingui();
  const language = useLanguage();
  const columns: readonly Column<UsageExport>[] = [
    { id: "what", header: <Trans>What</Trans>, cell: (one) => <><Text size="sm" fw={500}><FormatName of={one.format} /></Text><Text size="xs" c="dimmed"><Period one={one} /></Text><Text size="xs" c="dimmed" className="cut"><NarrowedTo filter={one.usageFilter} /></Text></> },
    { id: "state", header: <Trans>State</Trans>, cell: (one) => <State one={one} /> },
    { id: "made", header: <Trans>Requested</Trans>, cell: (one) => <Time value={one.createTime} ago />, shown: "very-wide" },
    { id: "size", header: <Trans>Size</Trans>, cell: (one) => <>{formatBytes(one.sizeBytes, language)}{one.rowCount > 0n && <Text size="xs" c="dimmed"><Trans>{formatCount(one.rowCount, language)} rows</Trans></Text>}</>, align: "right", shown: "very-wide" },
    { id: "expires", header: <Trans>Expires</Trans>, cell: (one) => (one.expireTime === undefined ? "—" : <Time value={one.expireTime} ago />), shown: "wide" },
    { id: "actions", header: <VisuallyHidden><Trans>Actions</Trans></VisuallyHidden>, cell: (one) => <ExportActions one={one} />, align: "right" },
  ];
  return <DataTable caption={t`Your exports`} columns={columns} rows={exports} keyOf={(one) => one.name} />;
}

export function FormatName({ of }: { readonly of: UsageExportFormat }) {
  switch (of) {
    case UsageExportFormat.PDF:
      return <Trans>Report (PDF)</Trans>;
    case UsageExportFormat.CSV:
      return <Trans>Calls (CSV)</Trans>;
    case UsageExportFormat.FOCUS:
      return <>FOCUS 1.2</>;
    default:
      return null;
  }
}

function Period({ one }: { readonly one: UsageExport }) {
  const language = useLanguage();
  const { timeZone } = usePlace().organization;
  const { startTime, endTime } = one.timeRange ?? {};
  if (startTime === undefined || endTime === undefined) return null;
  const [first, last] = [startTime, lastMomentOf(endTime)].map((time) => formatDay(time, language, timeZone));
  return first === last ? <>{first}</> : <>{first} – {last}</>;
}

function State({ one }: { readonly one: UsageExport }) {
  const { t } = useLingui();
  const language = useLanguage();
  switch (one.state) {
    case UsageExport_State.QUEUED:
      return <Badge variant="light" radius="sm" tt="none" color="gray"><Trans>Waiting</Trans></Badge>;
    case UsageExport_State.RUNNING:
      return (
        <div style={{ minWidth: 90 }}>
          <Text size="xs" className="figures">{formatPercent(one.progressPercent, language)}</Text>
          <Progress value={one.progressPercent} size="sm" aria-label={t`Progress`} />
        </div>
      );
    case UsageExport_State.SUCCEEDED:
      return <Badge variant="light" radius="sm" tt="none" color="teal"><Trans>Done</Trans></Badge>;
    case UsageExport_State.CANCELED:
      return <Badge variant="light" radius="sm" tt="none" color="gray"><Trans>Canceled</Trans></Badge>;
    case UsageExport_State.FAILED:
      return <><Badge variant="light" radius="sm" tt="none" color="red"><Trans>Failed</Trans></Badge><Text size="xs" mt={4} style={{ whiteSpace: "normal", overflowWrap: "anywhere" }}>{one.errorMessage}</Text></>;
    default:
      return null;
  }
}
