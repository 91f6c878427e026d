import { Text } from "@mantine/core";
import type { ReactNode } from "react";

/** A number with what it is above it and what it means below. */
export function Figure({ label, value, note }: { readonly label: ReactNode; readonly value: ReactNode; readonly note?: ReactNode }) {
  return (
    <div style={{ minWidth: 0 }}>
      <Text size="sm" c="dimmed">{label}</Text>
      <Text component="div" fz={{ base: 20, sm: 26 }} fw={650} lh={1.25} className="figures" style={{ overflowWrap: "anywhere" }}>{value}</Text>
      {note !== undefined && <Text component="div" size="sm" c="dimmed">{note}</Text>}
    </div>
  );
}
