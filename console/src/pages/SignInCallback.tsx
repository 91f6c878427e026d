import { Trans } from "@lingui/react/macro";
import { Box, Text, Title } from "@mantine/core";
import { useEffect } from "react";

import { passOn } from "../api/openid";

/** Where an identity provider leads back to, in the window that the sign-in opened. */
export function SignInCallback() {
  useEffect(passOn, []);
  return (
    <Box component="main" p="xl">
      <Title order={1} fz={24} mb="sm"><Trans>Signed in</Trans></Title>
      <Text><Trans>Go back to the console. You can close this window.</Trans></Text>
    </Box>
  );
}
