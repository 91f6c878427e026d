import { NavLink } from "@mantine/core";
import { Link, useRouterState } from "@tanstack/react-router";

import { Icon, type IconName } from "../ui/Icon";

interface NavItemProps {
  readonly to: string;
  readonly icon: IconName;
  readonly label: string;
  readonly exact?: boolean;
  readonly also?: readonly string[];
  readonly badge?: React.ReactNode;
}

/** A link to a page, marked while one of its area is shown. */
export function NavItem({ to, icon, label, exact = false, also = [], badge }: NavItemProps) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const active = exact ? path === to || path === `${to}/` : [to, ...also].some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
  return (
    <NavLink
      component={Link} to={to} activeOptions={{ exact, includeSearch: false }} label={label} leftSection={<Icon name={icon} />} rightSection={badge} active={active} aria-current={active ? "page" : undefined}
      style={{ borderRadius: 8 }} mb={2} fw={active ? 600 : 450}
    />
  );
}
