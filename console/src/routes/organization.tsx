import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, defined, oneOf, textOf } from "./search";

const people = createRoute({
  getParentRoute: () => organization,
  path: "/people",
  validateSearch: (search: Search) =>
    defined({ q: textOf(search.q), role: oneOf(search.role, ["super-admin", "l1-admin", "sub-admin", "member"]), state: oneOf(search.state, ["active", "suspended", "removed"]), order: oneOf(search.order, ["name", "spend", "joined"]) }),
  component: lazyRouteComponent(() => import("../pages/organization/People"), "People"),
});

const groups = createRoute({
  getParentRoute: () => organization,
  path: "/groups",
  component: lazyRouteComponent(() => import("../pages/organization/GroupTree"), "GroupTree"),
});

const group = createRoute({
  getParentRoute: () => organization,
  path: "/groups/$group",
  component: lazyRouteComponent(() => import("../pages/organization/GroupPage"), "GroupPage"),
});

const member = createRoute({
  getParentRoute: () => organization,
  path: "/members/$member",
  component: lazyRouteComponent(() => import("../pages/organization/MemberPage"), "MemberPage"),
});

export const organizationRoutes = [people, groups, group, member] as const;
