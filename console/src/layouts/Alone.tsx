import { Box, Stack } from "@mantine/core";
import type { ReactNode } from "react";

import { MarkedTitle } from "./MarkedTitle";

/** A page that is about no organization: one thing to do, in the middle. */
export function Alone({ title, width = 420, children }: { readonly title: ReactNode; readonly width?: number; readonly children: ReactNode }) {
  return (
    <Box component="main" mih="100vh" style={{ display: "grid", placeItems: "center" }} p="md">
      <Stack w="100%" maw={width} gap="lg">
        <MarkedTitle>{title}</MarkedTitle>
        {children}
      </Stack>
    </Box>
  );
}
