import { Box, Group, Stack, Title } from "@mantine/core";
import type { ReactNode } from "react";

import icon from "../ui/icon.svg";

/** A page that is about no organization: one thing to do, in the middle. */
export function Alone({ title, width = 420, children }: { readonly title: ReactNode; readonly width?: number; readonly children: ReactNode }) {
  return (
    <Box component="main" mih="100vh" style={{ display: "grid", placeItems: "center" }} p="md">
      <Stack w="100%" maw={width} gap="lg">
        <Group gap="sm" wrap="nowrap">
          <img src={icon} alt="" width={36} height={36} />
          <Title order={1} fz={24} style={{ overflowWrap: "anywhere", minWidth: 0 }}>{title}</Title>
        </Group>
        {children}
      </Stack>
    </Box>
  );
}
