import { callUnaryMethod, useSuspenseQuery, useTransport } from "@connectrpc/connect-query";
import { type Call, Usage, UsageReports, UsageStatus } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Group } from "@mantine/core";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { Narrowed } from "../../components/selection/Narrowed";
import { SelectionBar } from "../../components/selection/SelectionBar";
import { isAdmin, useParent, usePlace } from "../../hooks/account";
import { useCallStatus } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { pageSize, usePaging } from "../../hooks/paging";
import { useSelection, useUsageQuestion } from "../../hooks/usage";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { DownloadButton, type FilePart } from "../../table/DownloadButton";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { SentenceGap } from "../../ui/SentenceGap";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { formatCount, formatMilliseconds } from "../../util/numbers";

/** The calls that the address of the page selects, the latest first. */
export function CallList() {
  const { findings } = pathsOf(useParent());
  return (
    <>
      <PageHeader title={<Trans>Calls</Trans>} hint={<><Trans>A call appears here about a second after it ends. Refused calls are not among them.</Trans><SentenceGap /><WhyRefused /> · <AppLink to={findings} underline="always"><Trans>Doubtful usage reports</Trans></AppLink></>} actions={<Group gap="sm"><SelectionBar otherwise="7d" /><CallsCsv /></Group>} />
      <Narrowed />
      <Surface flush><Part height={420}><Found /></Part></Surface>
    </>
  );
}

/** Leads to the reasons of refusals: of the caller whom the page is narrowed to, or of the person's own calls. */
function WhyRefused() {
  const { account } = usePlace();
  const { member, key, serviceAccount } = useSelection();
  const isNarrowed = (key ?? member ?? serviceAccount) !== undefined;
  const caller = isNarrowed ? { key, member, serviceAccount } : isAdmin(account) ? {} : { member: idOf(account.member) };
  return <AppLink to={pathsOf(account.organization).explain} search={caller} size="sm" underline="always"><Trans>Why was a call refused?</Trans></AppLink>;
}

/** Downloads the calls with everything that the ledger has of them, in its order. */
function CallsCsv() {
  const name = useParent();
  const transport = useTransport();
  const { timeRange, usageFilter, days } = useUsageQuestion("7d");
  async function* parts(signal: AbortSignal): AsyncGenerator<FilePart> {
    for (let pageToken = ""; ; ) {
      const page = await callUnaryMethod(transport, UsageReports.method.exportCalls, { name, timeRange, usageFilter, pageToken }, { signal });
      yield { content: page.content, rowCount: Number(page.rowCount) };
      if (page.nextPageToken === "") return;
      pageToken = page.nextPageToken;
    }
  }
  return <DownloadButton file="calls" days={days} parts={parts} />;
}

function Found() {
  const { account } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const statusName = useCallStatus();
  const { selection, timeRange, usageFilter } = useUsageQuestion("7d");
  const paging = usePaging(JSON.stringify(selection));
  const { data } = useSuspenseQuery(Usage.method.listCalls, { parent: account.organization, pageSize, pageToken: paging.token, timeRange, usageFilter });
  if (data.calls.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No calls</Trans>} step={<Trans>Choose a longer period or remove a filter. Calls with your keys appear here.</Trans>} command="megarouter usage calls" />;
  }
  const columns: readonly Column<Call>[] = [
    { id: "time", header: <Trans>Time</Trans>, cell: (call) => <AppLink to={pathOf(call.name)}><Time value={call.placeTime} /></AppLink> },
    { id: "model", header: <Trans>Model</Trans>, cell: (call) => <span className="cut">{call.model.replace(/^models\//, "")}</span>, narrow: true },
    { id: "who", header: <Trans>Who</Trans>, cell: (call) => <span className="cut">{call.ownerDisplayName || idOf(call.member || call.serviceAccount)}</span>, shown: "wide", narrow: true },
    { id: "key", header: <Trans>Key</Trans>, cell: (call) => <span className="cut">{call.apiKeyDisplayName || idOf(call.apiKey)}</span>, shown: "very-wide", narrow: true },
    { id: "status", header: <Trans>Status</Trans>, cell: (call) => <Badge variant="light" radius="sm" tt="none" color={colorOf(call.status)}>{statusName(call.status)}</Badge>, shown: "wide" },
    { id: "tokens", header: <Trans>Tokens</Trans>, cell: (call) => formatCount(call.tokenCount, language), align: "right", shown: "very-wide" },
    { id: "duration", header: <Trans>Duration</Trans>, cell: (call) => (call.durationMs === undefined ? "—" : formatMilliseconds(call.durationMs, language)), align: "right", shown: "widest" },
    { id: "charge", header: <Trans>Cost</Trans>, cell: (call) => formatCredits(call.chargeNanoCredits, language), align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Calls`} columns={columns} rows={data.calls} keyOf={(call) => call.name} />
      <Pager paging={paging} nextToken={data.nextPageToken} />
    </>
  );
}

export function colorOf(status: UsageStatus): string {
  return { [UsageStatus.UNSPECIFIED]: "gray", [UsageStatus.SETTLED]: "teal", [UsageStatus.VOIDED]: "red", [UsageStatus.EXPIRED]: "orange" }[status];
}
