import { Box } from "@mantine/core";
import { Link, useRouterState } from "@tanstack/react-router";
import type { ReactNode } from "react";

export interface AreaTab {
  readonly to: string;
  readonly label: ReactNode;
}

/** Shows the tab of the present page where not all have room. */
export function intoView(tab: Element | null): void {
  const list = tab?.parentElement;
  if (!tab || !list) return;
  const [whole, part] = [list.getBoundingClientRect(), tab.getBoundingClientRect()];
  list.scrollLeft += part.left + part.width / 2 - whole.left - whole.width / 2;
}

/** The pages of an area, side by side. Each is a link, because each has an address. */
export function AreaTabs({ label, tabs }: { readonly label: string; readonly tabs: readonly AreaTab[] }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  return (
    <Box component="nav" aria-label={label} className="area-tabs" mb="lg">
      {tabs.map(({ to, label: text }) => (
        <Link key={to} to={to} aria-current={path === to ? "page" : undefined} ref={path === to ? intoView : undefined}>{text}</Link>
      ))}
    </Box>
  );
}
