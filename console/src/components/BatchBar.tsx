import { Plural, Trans } from "@lingui/react/macro";
import { Button, Group, Text } from "@mantine/core";
import type { ReactNode } from "react";

/** What can be done with the chosen rows of a list. Nothing while none is chosen. */
export function BatchBar({ count, clear, children }: { readonly count: number; readonly clear: () => void; readonly children: ReactNode }) {
  if (count === 0) return null;
  return (
    <Group gap="sm" mb="md" className="surface" px="md" py="xs" role="group">
      <Text size="sm" fw={600}><Plural value={count} one="# selected" other="# selected" /></Text>
      {children}
      <Button size="xs" variant="subtle" onClick={clear}><Trans>Clear selection</Trans></Button>
    </Group>
  );
}
