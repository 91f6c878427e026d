import { Box, Group, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";

export interface Share {
  readonly id: string;
  readonly label: ReactNode;
  readonly value: string;
  readonly note?: ReactNode;
  /** In percent of the longest bar. */
  readonly percent: number;
}

/** Ranked amounts. The text says everything; the bars only show it. */
export function ShareBars({ shares }: { readonly shares: readonly Share[] }) {
  return (
    <Stack component="ol" gap="sm" m={0} p={0} style={{ listStyle: "none" }}>
      {shares.map((share) => (
        <Box component="li" key={share.id}>
          <Group justify="space-between" wrap="nowrap" gap="md">
            <Text component="div" size="sm" truncate style={{ minWidth: 0 }}>{share.label}</Text>
            <Group gap="sm" wrap="nowrap">
              {share.note !== undefined && <Text component="div" size="sm" c="dimmed" className="figures">{share.note}</Text>}
              <Text size="sm" fw={600} className="figures" style={{ whiteSpace: "nowrap" }}>{share.value}</Text>
            </Group>
          </Group>
          <Box aria-hidden mt={4} style={{ height: 5, borderRadius: 3, background: "var(--line)" }}>
            <Box style={{ height: 5, borderRadius: 3, width: `${Math.max(share.percent, 0.5)}%`, background: "var(--chart-1)" }} />
          </Box>
        </Box>
      ))}
    </Stack>
  );
}
