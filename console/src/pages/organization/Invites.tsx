import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Invite, Invite_State, Invites as Service } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Group, NativeSelect, Text } from "@mantine/core";
import { Link, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { allOf, idOf, quoted } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { Part } from "../../components/Part";
import { usePlace } from "../../hooks/account";
import { useInviteState, useRoleName } from "../../hooks/labels";
import { pageSize, usePaging } from "../../hooks/paging";
import { useSaving } from "../../hooks/saving";
import { useChangeSearch } from "../../hooks/usage";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { SearchField } from "../../table/SearchField";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { OrganizationHeader } from "./OrganizationHeader";

const from = "/organizations/$organization/invites";
const states = { pending: "STATE_PENDING", accepted: "STATE_ACCEPTED", revoked: "STATE_REVOKED", expired: "STATE_EXPIRED" } as const;
const colors = { [Invite_State.UNSPECIFIED]: "gray", [Invite_State.PENDING]: "blue", [Invite_State.ACCEPTED]: "teal", [Invite_State.REVOKED]: "red", [Invite_State.EXPIRED]: "gray" };

export function Invites() {
  const { account } = usePlace();
  const { t } = useLingui();
  const search = useSearch({ from });
  const change = useChangeSearch<typeof search>(true);
  return (
    <>
      <OrganizationHeader hint={<Trans>People invited to join, newest first</Trans>} actions={<Button component={Link} to={pathsOf(account.organization).newInvite}><Trans>Invite people</Trans></Button>} />
      <Group gap="sm" mb="md">
        <SearchField value={search.q ?? ""} label={t`Search by address or domain`} onChange={(q) => change({ q: q || undefined })} />
        <NativeSelect
          aria-label={t`State`} value={search.state ?? ""} onChange={(event) => change({ state: (event.currentTarget.value || undefined) as keyof typeof states | undefined })}
          data={[{ value: "", label: t`Every state` }, { value: "pending", label: t`Unused` }, { value: "accepted", label: t`Used up` }, { value: "revoked", label: t`Revoked` }, { value: "expired", label: t`Expired` }]}
        />
      </Group>
      <Surface flush><Part height={420}><Found /></Part></Surface>
    </>
  );
}

function Found() {
  const { account } = usePlace();
  const { t } = useLingui();
  const roleName = useRoleName();
  const stateName = useInviteState();
  const search = useSearch({ from });
  const paging = usePaging(JSON.stringify(search));
  const [revoked, setRevoked] = useState<Invite | undefined>(undefined);
  const question = { parent: account.organization, orderBy: "name desc", filter: allOf(search.q === undefined ? "" : quoted(search.q), search.state === undefined ? "" : `state = ${states[search.state]}`) };
  const { data } = useSuspenseQuery(Service.method.listInvites, { ...question, pageSize, pageToken: paging.token });
  if (data.invites.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No invites</Trans>} step={<Trans>Invite people by their addresses, or make a link for many.</Trans>} command="megarouter invites create --role member --group none" action={<Button component={Link} to={pathsOf(account.organization).newInvite} size="xs"><Trans>Invite people</Trans></Button>} />;
  }
  const columns: readonly Column<Invite>[] = [
    { id: "whom", header: <Trans>For</Trans>, cell: (invite) => <><span className="cut">{invite.email || (invite.emailDomain !== "" ? `@${invite.emailDomain}` : t`anyone`)}</span><Text size="xs" c="dimmed">{idOf(invite.name)}</Text></> },
    { id: "role", header: <Trans>Role</Trans>, cell: (invite) => roleName(invite.role), shown: "wide" },
    { id: "group", header: <Trans>Group</Trans>, cell: (invite) => (invite.group === "" ? "—" : <AppLink to={pathOf(invite.group)} className="cut">{idOf(invite.group)}</AppLink>), shown: "very-wide" },
    { id: "by", header: <Trans>By</Trans>, cell: (invite) => <span className="cut">{invite.inviterDisplayName || idOf(invite.inviter)}</span>, shown: "very-wide" },
    { id: "uses", header: <Trans>Used</Trans>, cell: (invite) => `${invite.useCount} / ${invite.maxUses}`, align: "right", shown: "wide" },
    { id: "ends", header: <Trans>Ends</Trans>, cell: (invite) => (invite.expiration.case === "expireTime" ? <Time value={invite.expiration.value} ago /> : "—"), shown: "wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (invite) => <Badge variant="light" radius="sm" tt="none" color={colors[invite.state]}>{stateName(invite.state)}</Badge> },
    { id: "act", header: <Trans>Action</Trans>, cell: (invite) => <Button size="compact-xs" variant="default" disabled={invite.state !== Invite_State.PENDING} onClick={() => setRevoked(invite)}><Trans>Revoke…</Trans></Button>, align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Invites`} columns={columns} rows={data.invites} keyOf={(invite) => invite.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="invites" method={Service.method.listInvites} request={question} /></Pager>
      {revoked !== undefined && <Revoke invite={revoked} close={() => setRevoked(undefined)} />}
    </>
  );
}

function Revoke({ invite, close }: { readonly invite: Invite; readonly close: () => void }) {
  const { t } = useLingui();
  const saving = useSaving(Service.method.revokeInvite, t`The invite was revoked.`);
  return (
    <Confirmation opened close={close} danger title={<Trans>Revoke this invite?</Trans>} about={invite.email || idOf(invite.name)} verb={<Trans>Revoke</Trans>} mutation={saving} confirm={() => saving.save({ name: invite.name, etag: invite.etag }, close)}>
      <Trans>Its link stops working permanently. {invite.useCount} people who joined with it stay.</Trans>
    </Confirmation>
  );
}
