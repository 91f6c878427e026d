import { Group, Title } from "@mantine/core";
import type { ReactNode } from "react";

import icon from "../ui/icon.svg";

/** The title of a page that has no navigation: beside the icon. */
export function MarkedTitle({ children }: { readonly children: ReactNode }) {
  return (
    <Group gap="sm" wrap="nowrap">
      <img src={icon} alt="" width={36} height={36} />
      <Title order={1} fz={24} style={{ overflowWrap: "anywhere", minWidth: 0 }}>{children}</Title>
    </Group>
  );
}
