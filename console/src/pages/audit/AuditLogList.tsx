import { callUnaryMethod, useSuspenseQuery, useTransport } from "@connectrpc/connect-query";
import { AuditLog, type AuditLogEntry, AuditLogFormat } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Group, Text } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { allOf, idOf, quoted, within } from "../../api/names";
import { Part } from "../../components/Part";
import { PeriodField } from "../../components/selection/PeriodChoice";
import { MemberField } from "../../forms/fields/MemberField";
import { useActionName } from "../../hooks/actions";
import { useParent, usePlace } from "../../hooks/account";
import { useNow } from "../../hooks/now";
import { pageSize, usePaging } from "../../hooks/paging";
import { useChangeSearch } from "../../hooks/usage";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { DownloadButton, type FilePart } from "../../table/DownloadButton";
import { Pager } from "../../table/Pager";
import { SearchField } from "../../table/SearchField";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { Did } from "./Did";
import { chosenRangeOf } from "./chosen";

const mostPerPage = 1000;
const from = "/organizations/$organization/auditLogEntries";

/** Every change in the organization, in the order in which it was made. */
export function AuditLogList() {
  const { account, organization } = usePlace();
  const { t } = useLingui();
  const search = useSearch({ from });
  const change = useChangeSearch<typeof search>(true);
  const denied = <EmptyState title={<Trans>You may not see the audit log</Trans>} step={<Trans>Admins see what was changed in their groups.</Trans>} />;
  return (
    <>
      <PageHeader title={<Trans>Audit log</Trans>} hint={<Trans>Every change, with who made it and from where. No entry can be changed or deleted.</Trans>} actions={<AuditCsv />} />
      <Group gap="sm" mb="md" align="flex-end">
        <SearchField value={search.q ?? ""} label={t`Search in what was done, and to what`} onChange={(q) => change({ q: q || undefined })} />
        <MemberField hidesLabel value={search.member === undefined ? "" : `${account.organization}/members/${search.member}`} label={t`By`} onChange={(member) => change({ member: member === "" ? undefined : idOf(member) })} />
        <PeriodField timeZone={organization.timeZone} />
      </Group>
      <Surface flush><Part height={420} denied={denied}><Found /></Part></Surface>
    </>
  );
}

/** Downloads the entries that the filters select, as the service writes them. */
function AuditCsv() {
  const parent = useParent();
  const transport = useTransport();
  const filter = useAuditFilter();
  async function* parts(signal: AbortSignal): AsyncGenerator<FilePart> {
    for (let pageToken = ""; ; ) {
      const page = await callUnaryMethod(transport, AuditLog.method.exportAuditLogEntries, { parent, format: AuditLogFormat.CSV, filter, pageSize: mostPerPage, pageToken }, { signal });
      yield { content: page.content, rowCount: page.nextPageToken === "" ? 0 : mostPerPage };
      if (page.nextPageToken === "") return;
      pageToken = page.nextPageToken;
    }
  }
  return <DownloadButton file="audit" parts={parts} />;
}

/** The filter of the entries that the address asks for. */
export function useAuditFilter(): string {
  const { account, organization } = usePlace();
  const search = useSearch({ from });
  const now = useNow();
  return allOf(
    search.q === undefined ? "" : quoted(search.q), search.member === undefined ? "" : `member = ${quoted(`${account.organization}/members/${search.member}`)}`,
    within("create_time", chosenRangeOf(search, now, organization.timeZone)),
  );
}

function Found() {
  const { account } = usePlace();
  const { t } = useLingui();
  const navigate = useNavigate();
  const actionName = useActionName();
  const filter = useAuditFilter();
  const paging = usePaging(filter);
  const question = { parent: account.organization, filter };
  const { data } = useSuspenseQuery(AuditLog.method.listAuditLogEntries, { ...question, pageSize, pageToken: paging.token });
  if (data.auditLogEntries.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No entries</Trans>} step={<Trans>Choose a longer period or remove a filter.</Trans>} command="megarouter audit list" />;
  }
  const columns: readonly Column<AuditLogEntry>[] = [
    { id: "time", header: <Trans>Time</Trans>, cell: (entry) => <AppLink to={pathOf(entry.name)}><Time value={entry.createTime} /></AppLink> },
    { id: "who", header: <Trans>By</Trans>, shown: "wide", cell: (entry) => <span className="cut">{entry.userDisplayName || idOf(entry.member || entry.credential || entry.user)}</span> },
    {
      id: "did", header: <Trans>Did</Trans>,
      cell: (entry) => <Group gap={6} wrap="nowrap"><Did method={entry.method} name={actionName(entry.method)} />{entry.refusal !== "" && <Badge variant="light" radius="sm" tt="none" color="red">{t`Refused`}</Badge>}</Group>,
    },
    { id: "to", header: <Trans>To</Trans>, cell: (entry) => <Text size="sm" className="cut" title={entry.resource}>{resourceLabel(entry)}</Text>, shown: "wide" },
    { id: "from", header: <Trans>From</Trans>, cell: (entry) => <span className="cut">{entry.clientAddress}</span>, shown: "very-wide" },
  ];
  return (
    <>
      <DataTable caption={t`Audit log`} columns={columns} rows={data.auditLogEntries} keyOf={(entry) => entry.name} open={(entry) => void navigate({ to: pathOf(entry.name) })} />
      <Pager paging={paging} nextToken={data.nextPageToken} />
    </>
  );
}

/** The changed resource, with the name that people know it by. */
export function resourceLabel(entry: AuditLogEntry): string {
  const short = entry.resource.split("/").slice(2).join("/") || entry.resource;
  const names = [entry.after, entry.before].flatMap((side) => [side?.displayName, side?.scopeDisplayName]);
  const shown = names.find((name) => typeof name === "string" && name !== "" && name !== idOf(short));
  return typeof shown === "string" ? `${shown} (${short})` : short;
}
