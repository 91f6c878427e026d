import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type AcceptInviteResponse, ApiKeys, Invites, Role } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Box, Button, Group, Loader, Stack, Text, TextInput } from "@mantine/core";
import { Navigate } from "@tanstack/react-router";
import { useState } from "react";

import { signOut } from "../api/signing_in";
import { ErrorNotice } from "../components/ErrorNotice";
import { NewSecret } from "../components/NewSecret";
import { Part } from "../components/Part";
import { useRoleName } from "../hooks/labels";
import { useSaving } from "../hooks/saving";
import { Alone } from "../layouts/Alone";
import { pathOf, pathsOf } from "../paths";
import { arrivedInvite, inviteTokenOf } from "../stores/arrival";
import { useSession } from "../stores/session";
import { AppLink } from "../ui/AppLink";
import { Properties } from "../ui/Properties";
import { Time } from "../ui/Time";

/** Where an invite link leads: what it is for, and one button. Then the first key is made. */
export function AcceptInvite() {
  const isSignedIn = useSession() !== undefined;
  const [pasted, setPasted] = useState("");
  const { t } = useLingui();
  const [joined, setJoined] = useState<AcceptInviteResponse | undefined>(undefined);
  const [made, setMade] = useState({ name: "", secret: "" });
  const creation = useSaving(ApiKeys.method.createApiKey);
  const token = arrivedInvite || inviteTokenOf(pasted);
  if (!isSignedIn) return <Navigate to="/sign-in" search={{ to: "/invite" }} replace />;
  const makeKey = (parent: string): void => creation.save({ parent, apiKey: { displayName: t`First key` } }, ({ apiKey, secret }) => setMade({ name: apiKey?.name ?? "", secret }));
  const join = (answer: AcceptInviteResponse): void => {
    setJoined(answer);
    if (!answer.alreadyMember) makeKey(answer.organization);
  };
  if (joined !== undefined) {
    return <Alone title={<Trans>Welcome</Trans>} width={720}><Part><Joined joined={joined} creation={creation} secret={made.secret} key_={made.name} retry={() => makeKey(joined.organization)} /></Part></Alone>;
  }
  return (
    <Alone title={<Trans>Join an organization</Trans>} width={520}>
      <Box className="surface" p="lg">
        {token === "" ? <Paste value={pasted} onChange={setPasted} /> : <Part height={180} denied={<Confined />}><Preview token={token} onJoined={join} /></Part>}
      </Box>
      <Text size="sm"><AppLink to="/"><Trans>Not now: to my accounts</Trans></AppLink></Text>
    </Alone>
  );
}

/** A sign-in link is for one organization, and what it signs in can do nothing about others. */
function Confined() {
  return (
    <Stack gap="md">
      <Text><Trans>You signed in with a link, which is for one organization only. To join another one, sign out and sign in with your identity provider or your own access token.</Trans></Text>
      <Button variant="default" onClick={() => void signOut()}><Trans>Sign out</Trans></Button>
    </Stack>
  );
}

function Paste({ value, onChange }: { readonly value: string; readonly onChange: (text: string) => void }) {
  const { t } = useLingui();
  return <TextInput label={t`Invite`} description={t`Paste the link or the token that you were sent.`} autoComplete="off" value={value} onChange={(event) => onChange(event.currentTarget.value)} />;
}

function Preview({ token, onJoined }: { readonly token: string; readonly onJoined: (joined: AcceptInviteResponse) => void }) {
  const roleName = useRoleName();
  const { data: invite } = useSuspenseQuery(Invites.method.previewInvite, { token });
  const saving = useSaving(Invites.method.acceptInvite);
  return (
    <Stack gap="md">
      <Text fw={600} fz="lg" style={{ overflowWrap: "anywhere" }}>{invite.organizationDisplayName}</Text>
      <Properties
        entries={[
          [<Trans>Your role</Trans>, roleName(invite.role)],
          [<Trans>Group</Trans>, invite.groupDisplayName || undefined],
          [<Trans>Invited by</Trans>, invite.inviterDisplayName || undefined],
          [<Trans>Open until</Trans>, <Time value={invite.expireTime} />],
        ]}
      />
      <Text size="sm" c="dimmed">{invite.role === Role.MEMBER ? <Trans>Admins of the organization see your name, your address and what you use.</Trans> : <Trans>You will manage others in this organization.</Trans>}</Text>
      {saving.isError && <ErrorNotice error={saving.error} />}
      <Button fullWidth loading={saving.isPending} onClick={() => saving.save({ token }, onJoined)}><Trans>Join and get a key</Trans></Button>
    </Stack>
  );
}

interface JoinedProps {
  readonly joined: AcceptInviteResponse;
  readonly creation: { readonly isPending: boolean; readonly isError: boolean; readonly error: unknown };
  readonly secret: string;
  readonly key_: string;
  readonly retry: () => void;
}

/** The first key. Whoever was a member already gets none. */
function Joined({ joined, creation, secret, key_, retry }: JoinedProps) {
  const start = <Text><AppLink to={pathOf(joined.organization)}><Trans>Go to home page</Trans></AppLink></Text>;
  if (secret !== "") return <><Text><Trans>You are in, and this is your first key.</Trans></Text><NewSecret name={key_} secret={secret} />{start}</>;
  return (
    <Box className="surface" p="lg">
      <Stack gap="md">
        <Text>{joined.alreadyMember ? <Trans>You are already a member. Nothing changed.</Trans> : <Trans>You are in.</Trans>}</Text>
        {creation.isPending && <Group gap="sm" role="status"><Loader size="sm" /><Text><Trans>Making your first key…</Trans></Text></Group>}
        {creation.isError && (
          <>
            <ErrorNotice error={creation.error} retry={retry} />
            <Text size="sm"><AppLink to={pathsOf(joined.organization).newKey}><Trans>Create a key with other limits</Trans></AppLink></Text>
          </>
        )}
        {start}
      </Stack>
    </Box>
  );
}
