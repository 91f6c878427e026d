import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type AccessToken, AccessToken_State, AccessTokens } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Badge, Button, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { CreateToken } from "../../forms/profile/CreateToken";
import { useTokenState } from "../../hooks/labels";
import { usePaging } from "../../hooks/paging";
import { useSaving } from "../../hooks/saving";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { Copyable } from "../../ui/Copyable";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { Part } from "../../components/Part";

const pageSize = 20;
const colors = { [AccessToken_State.UNSPECIFIED]: "gray", [AccessToken_State.ACTIVE]: "teal", [AccessToken_State.EXPIRED]: "gray", [AccessToken_State.REVOKED]: "red" };

/** The access tokens of the person. */
export function Tokens() {
  const { t } = useLingui();
  const [isCreating, setCreating] = useState(false);
  const [secret, setSecret] = useState("");
  return (
    <Surface flush title={<Trans>Access tokens</Trans>} hint={<Trans>For the command line and programs that use the admin API</Trans>} actions={<Button size="xs" variant="default" onClick={() => setCreating(true)}><Trans>Create a token</Trans></Button>}>
      {secret !== "" && (
        <Alert color="accent" variant="light" m="md" title={<Trans>Copy the token now</Trans>}>
          <Text size="sm"><Trans>It is shown only once. Set it as MEGAROUTER_ADMIN_TOKEN.</Trans></Text>
          <Copyable text={secret} label={t`the token`} />
        </Alert>
      )}
      <Part height={160} denied={<Text size="sm" c="dimmed" px={20} pb={20}><Trans>You signed in with a link or a token for one organization, which manages no tokens. Sign in with your identity provider or your own access token.</Trans></Text>}><List /></Part>
      {isCreating && <CreateToken close={() => setCreating(false)} onSecret={setSecret} />}
    </Surface>
  );
}

function List() {
  const { t } = useLingui();
  const stateName = useTokenState();
  const paging = usePaging("tokens");
  const [revoked, setRevoked] = useState<AccessToken | undefined>(undefined);
  const saving = useSaving(AccessTokens.method.revokeAccessToken, t`The token was revoked.`);
  const question = { parent: "users/me", orderBy: "create_time desc" };
  const { data } = useSuspenseQuery(AccessTokens.method.listAccessTokens, { ...question, pageSize, pageToken: paging.token });
  const columns: readonly Column<AccessToken>[] = [
    { id: "name", header: <Trans>Name</Trans>, cell: (token) => <><span className="cut">{token.displayName}</span><Text size="xs" c="dimmed" ff="monospace">{token.obfuscatedToken}</Text></> },
    { id: "where", header: <Trans>Valid in</Trans>, cell: (token) => (token.organization === "" ? <Trans>all organizations</Trans> : idOf(token.organization)), shown: "wide" },
    { id: "what", header: <Trans>May</Trans>, cell: (token) => (token.permissions.length === 0 ? <Trans>all that you may</Trans> : <Trans>{token.permissions.length} permissions</Trans>), shown: "very-wide" },
    { id: "made", header: <Trans>Created</Trans>, cell: (token) => <Time value={token.createTime} ago />, shown: "very-wide" },
    { id: "ends", header: <Trans>Ends</Trans>, cell: (token) => <Time value={token.expireTime} ago />, shown: "wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (token) => <Badge variant="light" radius="sm" tt="none" color={colors[token.state]}>{stateName(token.state)}</Badge> },
    { id: "act", header: <Trans>Action</Trans>, cell: (token) => <Button size="compact-xs" variant="default" disabled={token.state !== AccessToken_State.ACTIVE} onClick={() => setRevoked(token)}><Trans>Revoke…</Trans></Button>, align: "right" },
  ];
  return (
    <Stack gap={0}>
      <DataTable caption={t`Access tokens`} columns={columns} rows={data.accessTokens} keyOf={(token) => token.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="access-tokens" method={AccessTokens.method.listAccessTokens} request={question} /></Pager>
      <Confirmation opened={revoked !== undefined} close={() => setRevoked(undefined)} danger title={<Trans>Revoke this token?</Trans>} about={revoked?.displayName} verb={<Trans>Revoke</Trans>} mutation={saving} confirm={() => saving.save({ name: revoked?.name ?? "" }, () => setRevoked(undefined))}>
        <Trans>It ends with the next call, for good. If it is the token of a console, that console is signed out.</Trans>
      </Confirmation>
    </Stack>
  );
}
