import { Trans } from "@lingui/react/macro";
import { Box, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { MarkedTitle } from "../../layouts/MarkedTitle";
import { AppLink } from "../../ui/AppLink";

/** The frame of pages without a sign-in. */
export function PublicPage({ title, children }: { readonly title: ReactNode; readonly children: ReactNode }) {
  return (
    <Box component="main" p={{ base: "md", md: 40 }} mx="auto" maw={980}>
      <Stack gap="lg">
        <MarkedTitle>{title}</MarkedTitle>
        {children}
        <Text size="sm"><AppLink to="/"><Trans>Go to the console</Trans></AppLink></Text>
      </Stack>
    </Box>
  );
}
