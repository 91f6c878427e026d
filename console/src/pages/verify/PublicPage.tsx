import { Box, Group, Stack, Title } from "@mantine/core";
import type { ReactNode } from "react";

import icon from "../../ui/icon.svg";

/** The frame of pages without a sign-in. */
export function PublicPage({ title, children }: { readonly title: ReactNode; readonly children: ReactNode }) {
  return (
    <Box component="main" p={{ base: "md", md: 40 }} mx="auto" maw={980}>
      <Stack gap="lg">
        <Group gap="sm" wrap="nowrap">
          <img src={icon} alt="" width={36} height={36} />
          <Title order={1} fz={24}>{title}</Title>
        </Group>
        {children}
      </Stack>
    </Box>
  );
}
