import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type SignInLink, SignInLink_State, SignInLinks as Service } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Group, NativeSelect, Text } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { allOf, idOf, quoted } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { Part } from "../../components/Part";
import { CreateSignInLink } from "../../forms/organization/CreateSignInLink";
import { isAdmin, usePlace } from "../../hooks/account";
import { pageSize, usePaging } from "../../hooks/paging";
import { useSaving } from "../../hooks/saving";
import { useChangeSearch } from "../../hooks/usage";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { SearchField } from "../../table/SearchField";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { OrganizationHeader } from "./OrganizationHeader";

const from = "/organizations/$organization/signInLinks";
/** The service lists the oldest first, so the page begins with those that can be used. */
const states = { open: "STATE_PENDING", used: "STATE_USED", revoked: "STATE_REVOKED", expired: "STATE_EXPIRED" } as const;

/** The links with which members without an identity provider sign in. */
export function SignInLinks() {
  const admin = isAdmin(usePlace().account);
  const { t } = useLingui();
  const search = useSearch({ from });
  const change = useChangeSearch<typeof search>(true);
  const [isCreating, setCreating] = useState(false);
  const denied = <EmptyState title={<Trans>You may not see the sign-in links</Trans>} step={<Trans>Admins see those for the members below them.</Trans>} />;
  return (
    <>
      <OrganizationHeader
        hint={<Trans>For members without an identity provider. A link signs in once, and no mail is sent.</Trans>}
        actions={<Button disabled={!admin} title={admin ? undefined : t`Admins create sign-in links`} onClick={() => setCreating(true)}><Trans>Create a sign-in link</Trans></Button>}
      />
      <Group gap="sm" mb="md">
        <SearchField value={search.q ?? ""} label={t`Search by name`} onChange={(q) => change({ q: q || undefined })} />
        <NativeSelect
          aria-label={t`State`} value={search.state ?? ""} onChange={(event) => change({ state: (event.currentTarget.value || undefined) as typeof search.state })}
          data={[{ value: "", label: t`Unused` }, { value: "all", label: t`Every state` }, { value: "used", label: t`Used up` }, { value: "revoked", label: t`Revoked` }, { value: "expired", label: t`Expired` }]}
        />
      </Group>
      <Surface flush><Part height={420} denied={denied}><Found /></Part></Surface>
      {isCreating && <CreateSignInLink close={() => setCreating(false)} />}
    </>
  );
}

function Found() {
  const { account } = usePlace();
  const { t } = useLingui();
  const search = useSearch({ from });
  const paging = usePaging(JSON.stringify(search));
  const [revoked, setRevoked] = useState<SignInLink | undefined>(undefined);
  const saving = useSaving(Service.method.revokeSignInLink, t`The link was revoked.`);
  const question = { parent: account.organization, filter: allOf(search.q === undefined ? "" : quoted(search.q), search.state === "all" ? "" : `state = ${states[search.state ?? "open"]}`) };
  const { data } = useSuspenseQuery(Service.method.listSignInLinks, { ...question, pageSize, pageToken: paging.token });
  if (data.signInLinks.length === 0 && paging.back === undefined) {
    return <EmptyState title={search.state === undefined ? <Trans>No open sign-in links</Trans> : <Trans>No sign-in links</Trans>} step={<Trans>Create one for somebody who has no identity provider to sign in with.</Trans>} command="megarouter sign-in-links create emma" />;
  }
  const columns: readonly Column<SignInLink>[] = [
    { id: "member", header: <Trans>Member</Trans>, cell: (link) => <><AppLink to={pathOf(link.member)} className="cut">{link.memberDisplayName || idOf(link.member)}</AppLink><Text size="xs" c="dimmed" className="cut">{idOf(link.name)}</Text></> },
    { id: "by", header: <Trans>By</Trans>, cell: (link) => <><span className="cut">{link.creatorDisplayName || idOf(link.creator)}</span>{link.isFromOperator && <Text size="xs" c="dimmed"><Trans>as an operator</Trans></Text>}</>, shown: "very-wide" },
    { id: "made", header: <Trans>Created</Trans>, cell: (link) => <Time value={link.createTime} ago />, shown: "very-wide" },
    { id: "ends", header: <Trans>Ends</Trans>, cell: (link) => <Time value={link.expireTime} ago />, shown: "wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (link) => <LinkState state={link.state} /> },
    { id: "act", header: <Trans>Action</Trans>, cell: (link) => <Button size="compact-xs" variant="default" disabled={link.state !== SignInLink_State.PENDING} onClick={() => setRevoked(link)}><Trans>Revoke…</Trans></Button>, align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Sign-in links`} columns={columns} rows={data.signInLinks} keyOf={(link) => link.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="sign-in-links" method={Service.method.listSignInLinks} request={question} /></Pager>
      <Confirmation
        opened={revoked !== undefined} close={() => setRevoked(undefined)} danger title={<Trans>Revoke this link?</Trans>} about={revoked?.memberDisplayName || idOf(revoked?.member ?? "")} verb={<Trans>Revoke</Trans>} mutation={saving}
        confirm={() => saving.save({ name: revoked?.name ?? "" }, () => setRevoked(undefined))}
      >
        <Trans>It signs no one in any more. The member stays a member.</Trans>
      </Confirmation>
    </>
  );
}

function LinkState({ state }: { readonly state: SignInLink_State }) {
  const { t } = useLingui();
  const { label, color } = {
    [SignInLink_State.UNSPECIFIED]: { label: "", color: "gray" }, [SignInLink_State.PENDING]: { label: t`Unused`, color: "blue" }, [SignInLink_State.USED]: { label: t`Used up`, color: "teal" },
    [SignInLink_State.REVOKED]: { label: t`Revoked`, color: "red" }, [SignInLink_State.EXPIRED]: { label: t`Expired`, color: "gray" },
  }[state];
  return <Badge variant="light" radius="sm" tt="none" color={color}>{label}</Badge>;
}
