import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Box, Button, Divider, Group, Loader, PasswordInput, SegmentedControl, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";

import { isSignedOut } from "../api/errors";
import { type IdentityProvider, useDeployment } from "../api/deployment";
import { idTokenFrom } from "../api/openid";
import { linkPrefix, signInWithLink, signInWithToken } from "../api/signing_in";
import { ErrorNotice } from "../components/ErrorNotice";
import { Part } from "../components/Part";
import { activate, useLanguage } from "../hooks/language";
import { Alone } from "../layouts/Alone";
import { arrivedInvite, arrivedSecret } from "../stores/arrival";
import { type Language, changePreferences } from "../stores/preferences";
import { useSession } from "../stores/session";
import { Icon } from "../ui/Icon";

// The page takes it once, however often React renders.
let isUsed = false;

export function SignIn() {
  const { to } = useSearch({ from: "/sign-in" });
  const session = useSession();
  const { t } = useLingui();
  const [text, setText] = useState("");
  const cancellation = useRef(new AbortController());
  const signIn = useMutation({
    mutationFn: signInWith,
    throwOnError: false,
  });
  const cancel = (): void => {
    cancellation.current.abort();
    cancellation.current = new AbortController();
  };
  const { mutate } = signIn;
  useEffect(() => {
    if (arrivedSecret === "" || isUsed) return;
    isUsed = true;
    mutate({ secret: arrivedSecret });
  }, [mutate]);
  if (session !== undefined && !signIn.isPending) return <GoOn to={to ?? "/"} />;
  return (
    <Alone title={<Trans>Sign in to MegaRouter</Trans>}>
      {arrivedInvite !== "" ? <Part height={90}><Invited /></Part> : to !== undefined && to !== "/invite" && <Interrupted />}
      <Box className="surface" p="lg">
        {signIn.isPending ? (
          <Group justify="space-between">
            <Group gap="sm" role="status"><Loader size="sm" /><Text><Trans>Signing in…</Trans></Text></Group>
            {signIn.variables.provider !== undefined && <Button variant="default" size="xs" onClick={cancel}><Trans>Cancel</Trans></Button>}
          </Group>
        ) : (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (text.trim() !== "") mutate({ secret: text.trim() });
            }}
          >
            <Stack gap="md">
              {signIn.isError && <Failure error={signIn.error} />}
              <Part height={0}><Providers choose={(provider, pages) => mutate({ provider, pages, signal: cancellation.current.signal })} /></Part>
              <PasswordInput
                label={t`Access token or sign-in link`} value={text} onChange={(event) => setText(event.currentTarget.value)} autoComplete="off" autoFocus
                description={t`The page exchanges it for a token of its own, and forgets it. Only a token for one organization cannot be exchanged: the page uses it until you sign out.`}
              />
              <Button type="submit" disabled={text.trim() === ""} fullWidth><Trans>Sign in</Trans></Button>
            </Stack>
          </form>
        )}
      </Box>
      <Text size="sm" c="dimmed">
        <Trans>You are signed in until you close or reload this page, because no secret is stored in the browser.</Trans>
      </Text>
      <Language />
    </Alone>
  );
}

/** Leads to where the person wanted to go. It is an address with its filters, which a route takes only apart. */
function GoOn({ to }: { readonly to: string }) {
  const { history } = useRouter();
  useEffect(() => history.replace(`/console${to}`), [history, to]);
  return null;
}

type Credential = { readonly secret: string; readonly provider?: undefined } | { readonly provider: IdentityProvider; readonly pages: Window; readonly signal: AbortSignal };

async function signInWith(credential: Credential): Promise<void> {
  if (credential.provider !== undefined) await signInWithToken(await idTokenFrom(credential.provider, credential.pages, credential.signal));
  else if (credential.secret.startsWith(linkPrefix)) await signInWithLink(credential.secret);
  else await signInWithToken(credential.secret);
}

/** Tells a person with an invite how to get an account, which they need to join. */
function Invited() {
  const hasProvider = useDeployment().identity_providers.some((provider) => provider.console_client_id !== undefined);
  return (
    <Alert color="accent" variant="light" title={<Trans>You are invited</Trans>}>
      {hasProvider
        ? <Trans>Sign in to see the invitation and to join. If you have no account here yet, signing in with your identity provider creates it.</Trans>
        : <Trans>To join, you need an account. You cannot create one on this page, because this deployment has no identity provider for it. Ask whoever invited you to add you as a member instead: they then get a sign-in link for you, which works here. If you have an access token of your own account, paste it below.</Trans>}
    </Alert>
  );
}

/** Says why a person who was on a page is here. */
function Interrupted() {
  return <Alert color="accent" variant="light" title={<Trans>Sign in to go on</Trans>}><Trans>A session lives only in the memory of its page: a reload or a new tab begins without one. After signing in, you are on the page that you wanted.</Trans></Alert>;
}

/** A button for each identity provider that has a client for the console. */
function Providers({ choose }: { readonly choose: (provider: IdentityProvider, pages: Window) => void }) {
  const providers = useDeployment().identity_providers.filter((provider) => provider.console_client_id !== undefined);
  const { t } = useLingui();
  const [blocked, setBlocked] = useState(false);
  if (providers.length === 0) return null;
  const open = (provider: IdentityProvider): void => {
    const pages = window.open("about:blank", "_blank", "popup,width=520,height=720");
    setBlocked(pages === null);
    if (pages !== null) choose(provider, pages);
  };
  return (
    <>
      {providers.map((provider) => <Button key={provider.name} onClick={() => open(provider)} fullWidth><Trans>Sign in with {provider.name}</Trans></Button>)}
      {blocked && <Alert color="orange" variant="light" role="alert"><Trans>Allow this page to open a window, and try again.</Trans></Alert>}
      <Divider label={t`or`} />
    </>
  );
}

function Failure({ error }: { readonly error: unknown }) {
  if (!isSignedOut(error)) return <ErrorNotice error={error} />;
  return (
    <Alert color="red" variant="light" role="alert" title={<Trans>This does not work for signing in</Trans>} icon={<Icon name="key" />}>
      <Trans>A link works once and for a short time, and a token until it expires or is revoked. Ask an admin of your organization for a new sign-in link, or sign in with your identity provider.</Trans>
    </Alert>
  );
}

function Language() {
  const language = useLanguage();
  const { t } = useLingui();
  return (
    <SegmentedControl
      size="xs" aria-label={t`Language`} value={language} style={{ alignSelf: "flex-start" }}
      onChange={(value) => {
        changePreferences({ language: value as Language });
        void activate(value as Language);
      }}
      data={[{ value: "en", label: "English" }, { value: "zh", label: "中文" }]}
    />
  );
}
