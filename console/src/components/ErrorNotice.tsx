import { Code as CallCode, MegaRouterError } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Group, Stack, Text } from "@mantine/core";

import { messageOf, reasonOf, requestIdOf } from "../api/errors";
import { Copyable } from "../ui/Copyable";

/** What went wrong, what to do about it, and the id to quote. */
export function ErrorNotice({ error, retry }: { readonly error: unknown; readonly retry?: () => void }) {
  const { t } = useLingui();
  const requestId = requestIdOf(error);
  return (
    <Alert color="red" variant="light" role="alert" title={<WhatHappened error={error} />}>
      <Stack gap="xs">
        <Text size="sm">{messageOf(error)}</Text>
        {requestId !== "" && (
          <Group gap="xs">
            <Text size="sm"><Trans>Include this id when you ask for help:</Trans></Text>
            <Copyable text={requestId} label={t`request id`} />
          </Group>
        )}
        {retry !== undefined && (
          <div><Button size="xs" variant="default" onClick={retry}><Trans>Try again</Trans></Button></div>
        )}
      </Stack>
    </Alert>
  );
}

function WhatHappened({ error }: { readonly error: unknown }) {
  if (reasonOf(error) === "INVITE_INVALID") return <Trans>This invite has expired, was used or was revoked</Trans>;
  const code = error instanceof MegaRouterError ? error.code : undefined;
  switch (code) {
    case CallCode.PermissionDenied:
      return <Trans>You may not see or do this. Ask an admin above you, or check the address.</Trans>;
    case CallCode.Unauthenticated:
      return <Trans>You are signed out. Sign in again.</Trans>;
    case CallCode.InvalidArgument:
    case CallCode.FailedPrecondition:
      return <Trans>This request is not valid. Correct it and try again.</Trans>;
    case CallCode.Aborted:
      return <Trans>Someone changed this in the meantime. Reload the page and make your change again.</Trans>;
    case CallCode.ResourceExhausted:
      return <Trans>A limit is reached.</Trans>;
    case CallCode.Unavailable:
    case CallCode.DeadlineExceeded:
      return <Trans>The service is not responding. Try again in a moment.</Trans>;
    default:
      return <Trans>Something went wrong. Try again.</Trans>;
  }
}
