import { useSuspenseQuery } from "@connectrpc/connect-query";
import { AccessToken_State, type MemberAccessToken, MemberAccessTokens } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Text } from "@mantine/core";
import { useState } from "react";

import { allOf, quoted } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { useParent } from "../../hooks/account";
import { usePaging } from "../../hooks/paging";
import { useSaving } from "../../hooks/saving";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";

const pageSize = 20;

/** The access tokens of a member that are valid here, for the admins above. Nothing if there is none. */
export function MemberTokens({ member }: { readonly member: string }) {
  const parent = useParent();
  const { t } = useLingui();
  const paging = usePaging(member);
  const [revoked, setRevoked] = useState<MemberAccessToken | undefined>(undefined);
  const saving = useSaving(MemberAccessTokens.method.revokeMemberAccessToken, t`The token was revoked.`);
  const question = { parent, filter: allOf(`member = ${quoted(member)}`, "state = STATE_ACTIVE") };
  const { data } = useSuspenseQuery(MemberAccessTokens.method.listMemberAccessTokens, { ...question, pageSize, pageToken: paging.token });
  if (data.memberAccessTokens.length === 0 && paging.back === undefined) return null;
  const columns: readonly Column<MemberAccessToken>[] = [
    { id: "name", header: <Trans>Name</Trans>, cell: (token) => <><span className="cut">{token.displayName}</span><Text size="xs" c="dimmed" ff="monospace">{token.obfuscatedToken}</Text></> },
    { id: "where", header: <Trans>Valid in</Trans>, cell: (token) => (token.isForOrganization ? <Trans>this organization</Trans> : <Trans>all their organizations</Trans>), shown: "wide" },
    { id: "ends", header: <Trans>Ends</Trans>, cell: (token) => <Time value={token.expireTime} />, shown: "wide" },
    { id: "act", header: <Trans>Action</Trans>, cell: (token) => <Button size="compact-xs" variant="default" disabled={token.state !== AccessToken_State.ACTIVE} onClick={() => setRevoked(token)}><Trans>Revoke…</Trans></Button>, align: "right" },
  ];
  return (
    <Surface flush title={<Trans>Access tokens</Trans>} hint={<Trans>For this console and the admin API, never for models</Trans>}>
      <DataTable caption={t`Access tokens`} columns={columns} rows={data.memberAccessTokens} keyOf={(token) => token.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="tokens" method={MemberAccessTokens.method.listMemberAccessTokens} request={question} /></Pager>
      <Confirmation opened={revoked !== undefined} close={() => setRevoked(undefined)} danger title={<Trans>Revoke this token?</Trans>} about={revoked?.displayName} verb={<Trans>Revoke</Trans>} mutation={saving} confirm={() => saving.save({ name: revoked?.name ?? "" }, () => setRevoked(undefined))}>
        <Trans>It ends at once in all organizations that it is valid in, and for good. Whatever uses it is signed out.</Trans>
      </Confirmation>
    </Surface>
  );
}
