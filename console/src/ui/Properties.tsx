import { Text } from "@mantine/core";
import type { ReactNode } from "react";

/** What a thing is, as names and values. An undefined value is left out. */
export function Properties({ entries }: { readonly entries: readonly (readonly [ReactNode, ReactNode | undefined])[] }) {
  return (
    <dl style={{ display: "grid", gridTemplateColumns: "minmax(88px, 34%) minmax(0, 1fr)", rowGap: 10, columnGap: 16, margin: 0 }}>
      {entries.map(([name, value], index) =>
        value === undefined ? null : (
          <div key={index} style={{ display: "contents" }}>
            <Text component="dt" size="sm" c="dimmed">{name}</Text>
            <Text component="dd" size="sm" m={0} className="figures" style={{ minWidth: 0, overflowWrap: "anywhere" }}>{value}</Text>
          </div>
        ),
      )}
    </dl>
  );
}
