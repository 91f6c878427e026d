import { Trans } from "@lingui/react/macro";
import { Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { Copyable } from "./Copyable";

interface EmptyStateProps {
  readonly title: ReactNode;
  readonly step?: ReactNode;
  readonly command?: string;
  readonly commandLabel?: string;
  readonly action?: ReactNode;
}

/** Says that there is nothing, what to do next here, and then the command that does the same. */
export function EmptyState({ title, step, command, commandLabel, action }: EmptyStateProps) {
  return (
    <Stack align="center" gap="xs" py={48} px="md" ta="center">
      <Text fw={600}>{title}</Text>
      {step !== undefined && <Text size="sm" c="dimmed" maw={460}>{step}</Text>}
      {action}
      {command !== undefined && <Text size="xs" c="dimmed" mt="xs"><Trans>On the command line:</Trans></Text>}
      {command !== undefined && <Copyable text={command} label={commandLabel ?? command} />}
    </Stack>
  );
}
