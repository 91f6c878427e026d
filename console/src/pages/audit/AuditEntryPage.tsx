import { useSuspenseQuery } from "@connectrpc/connect-query";
import { AuditLog, type AuditLogEntry } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Stack } from "@mantine/core";
import { useParams } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { Changes } from "../../components/Changes";
import { useActionName } from "../../hooks/actions";
import { useParent } from "../../hooks/account";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { resourceLabel } from "./AuditLogList";

/** One change: who made it, from where, and every field before and after. */
export function AuditEntryPage() {
  const parent = useParent();
  const { t } = useLingui();
  const { entry: id } = useParams({ from: "/organizations/$organization/auditLogEntries/$entry" });
  const actionName = useActionName();
  const { data: entry } = useSuspenseQuery(AuditLog.method.getAuditLogEntry, { name: `${parent}/auditLogEntries/${id}` });
  return (
    <>
      <PageHeader crumbs={[{ label: t`Audit log`, to: pathsOf(parent).auditLog }]} title={actionName(entry.method)} hint={resourceLabel(entry)} />
      <Stack gap="lg">
        {entry.refusal !== "" && <Alert color="red" variant="light" title={<Trans>The change was refused</Trans>}>{entry.refusal}</Alert>}
        <Surface title={<Trans>Who, when and from where</Trans>}><Facts entry={entry} /></Surface>
        <Surface
          flush title={<Trans>What changed</Trans>}
          hint={entry.before === undefined ? <Trans>It was new.</Trans> : entry.after === undefined ? <Trans>It was deleted.</Trans> : <Trans>The fields that are different</Trans>}
        >
          <Changes before={entry.before} after={entry.after} />
        </Surface>
      </Stack>
    </>
  );
}

function Facts({ entry }: { readonly entry: AuditLogEntry }) {
  const { t } = useLingui();
  const who = entry.userDisplayName || idOf(entry.user);
  return (
    <Properties
      entries={[
        [<Trans>Id</Trans>, <Copyable text={idOf(entry.name)} label={t`id`} />],
        [<Trans>Time</Trans>, <Time value={entry.createTime} />],
        [<Trans>Who</Trans>, entry.member === "" ? who : <AppLink to={pathOf(entry.member)}>{who}</AppLink>],
        [<Trans>Role at that moment</Trans>, entry.role.toLowerCase().replaceAll("_", "-") || undefined],
        [<Trans>Credential</Trans>, entry.credential === "" ? undefined : idOf(entry.credential)],
        [<Trans>Access token</Trans>, entry.accessToken === "" ? undefined : idOf(entry.accessToken)],
        [<Trans>Signed in at</Trans>, entry.issuer || undefined],
        [<Trans>Method</Trans>, entry.method],
        [<Trans>Resource</Trans>, <Copyable text={entry.resource} label={t`name`} />],
        [<Trans>Address</Trans>, entry.clientAddress || undefined],
        [<Trans>Id of the call</Trans>, entry.callId === "" ? undefined : <Copyable text={entry.callId} label={t`id of the call`} />],
        [<Trans>Request id</Trans>, entry.requestId === "" ? undefined : <Copyable text={entry.requestId} label={t`request id`} />],
      ]}
    />
  );
}
