import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type OperatorAuditLogEntry, Operators } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, CloseButton, Group, Modal, Stack, Text } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { allOf, idOf, organizationName, quoted, within } from "../../api/names";
import { Changes } from "../../components/Changes";
import { Part } from "../../components/Part";
import { PeriodField } from "../../components/selection/PeriodChoice";
import { useActionName } from "../../hooks/actions";
import { useNow } from "../../hooks/now";
import { pageSize, usePaging } from "../../hooks/paging";
import { useChangeSearch } from "../../hooks/usage";
import { PageHeader } from "../../layouts/PageHeader";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { SearchField } from "../../table/SearchField";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { EmptyState } from "../../ui/EmptyState";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { Did } from "../audit/Did";
import { chosenRangeOf } from "../audit/chosen";
import { operatorPageOf } from "./OrganizationList";

const from = "/operators/auditLog";

/** What operators did. */
export function OperatorAuditLog() {
  const { t } = useLingui();
  const search = useSearch({ from });
  const change = useChangeSearch<typeof search>(true);
  return (
    <>
      <PageHeader title={<Trans>Audit log of the operators</Trans>} hint={<Trans>What operators did, and changed settings of the deployment. No entry can be changed or deleted.</Trans>} />
      <Group gap="sm" mb="md">
        <SearchField value={search.q ?? ""} label={t`Search in what was done, and to what`} onChange={(q) => change({ q: q || undefined })} />
        <PeriodField timeZone="UTC" />
        {search.organization !== undefined && (
          <Badge variant="light" radius="sm" size="lg" tt="none" rightSection={<CloseButton size="xs" aria-label={t`Remove ${search.organization}`} onClick={() => change({ organization: undefined })} />}>{search.organization}</Badge>
        )}
      </Group>
      <Surface flush><Part height={420}><Found /></Part></Surface>
    </>
  );
}

function Found() {
  const { t } = useLingui();
  const actionName = useActionName();
  const search = useSearch({ from });
  const now = useNow();
  const [shown, setShown] = useState<OperatorAuditLogEntry | undefined>(undefined);
  const filter = allOf(
    search.q === undefined ? "" : quoted(search.q), search.organization === undefined ? "" : `organization = ${quoted(organizationName(search.organization))}`,
    within("create_time", chosenRangeOf(search, now, "UTC")),
  );
  const paging = usePaging(filter);
  const question = { filter };
  const { data } = useSuspenseQuery(Operators.method.listOperatorAuditLogEntries, { ...question, pageSize, pageToken: paging.token });
  if (data.operatorAuditLogEntries.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No entries</Trans>} step={<Trans>Choose a longer period or remove a filter.</Trans>} command="megarouter operator audit" />;
  }
  const columns: readonly Column<OperatorAuditLogEntry>[] = [
    { id: "time", header: <Trans>Time</Trans>, cell: (entry) => <Time value={entry.createTime} /> },
    { id: "who", header: <Trans>Who</Trans>, cell: (entry) => <span className="cut">{entry.userDisplayName || idOf(entry.user) || t`the settings`}</span>, shown: "wide" },
    { id: "did", header: <Trans>Did</Trans>, cell: (entry) => <Did method={entry.method} name={actionName(entry.method)} /> },
    { id: "organization", header: <Trans>Organization</Trans>, cell: (entry) => (entry.organization === "" ? "—" : <AppLink to={operatorPageOf(entry.organization)} className="cut">{entry.organizationDisplayName || idOf(entry.organization)}</AppLink>), shown: "wide" },
    { id: "changes", header: <Trans>Changes</Trans>, cell: (entry) => <Button size="compact-xs" variant="subtle" onClick={() => setShown(entry)}><Trans>Show</Trans></Button>, align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Audit log of the operators`} columns={columns} rows={data.operatorAuditLogEntries} keyOf={(entry) => String(entry.number)} open={setShown} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="operator-audit-log" method={Operators.method.listOperatorAuditLogEntries} request={question} /></Pager>
      <Modal opened={shown !== undefined} onClose={() => setShown(undefined)} size="lg" title={<Text fw={600}>{shown === undefined ? "" : actionName(shown.method)}</Text>}>{shown !== undefined && <Entry entry={shown} />}</Modal>
    </>
  );
}

function Entry({ entry }: { readonly entry: OperatorAuditLogEntry }) {
  const { t } = useLingui();
  return (
    <Stack gap="lg">
      <Properties
        entries={[
          [<Trans>Time</Trans>, <Time value={entry.createTime} />],
          [<Trans>Who</Trans>, entry.userDisplayName || idOf(entry.user) || t`the settings`],
          [<Trans>Resource</Trans>, entry.resource === "" ? undefined : <Copyable text={entry.resource} label={t`name`} />],
          [<Trans>Signed in at</Trans>, entry.issuer || undefined],
          [<Trans>Address</Trans>, entry.clientAddress || undefined],
          [<Trans>Id of the call</Trans>, entry.callId === "" ? undefined : <Copyable text={entry.callId} label={t`id of the call`} />],
        ]}
      />
      <Changes before={entry.before} after={entry.after} />
    </Stack>
  );
}
