import { Box } from "@mantine/core";
import { Link, useRouterState } from "@tanstack/react-router";
import type { ReactNode } from "react";

export interface AreaTab {
  readonly to: string;
  readonly label: ReactNode;
}

/** The pages of an area, side by side. Each is a link, because each has an address. */
export function AreaTabs({ label, tabs }: { readonly label: string; readonly tabs: readonly AreaTab[] }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  return (
    <Box component="nav" aria-label={label} className="area-tabs" mb="lg">
      {tabs.map(({ to, label: text }) => (
        <Link key={to} to={to} aria-current={path === to ? "page" : undefined}>{text}</Link>
      ))}
    </Box>
  );
}
