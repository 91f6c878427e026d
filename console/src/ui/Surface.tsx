import { Box, Group, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

interface SurfaceProps {
  readonly title?: ReactNode;
  readonly hint?: ReactNode;
  readonly actions?: ReactNode;
  readonly flush?: boolean;
  readonly children: ReactNode;
}

/** A framed part of a page. `flush` lets a table reach the frame. */
export function Surface({ title, hint, actions, flush = false, children }: SurfaceProps) {
  return (
    <section className="surface" style={{ padding: flush ? 0 : 20, minWidth: 0 }}>
      {title !== undefined && (
        <Group justify="space-between" align="flex-start" gap="sm" mb={flush ? 0 : "md"} p={flush ? 20 : 0} pb={flush ? 12 : 0}>
          <Box style={{ minWidth: 0 }}>
            <Title order={2}>{title}</Title>
            {hint !== undefined && <Text size="sm" c="dimmed" mt={2}>{hint}</Text>}
          </Box>
          {actions}
        </Group>
      )}
      {children}
    </section>
  );
}
