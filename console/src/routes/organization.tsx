import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, defined, oneOf, textOf } from "./search";

/** These pages come as one file: admins who open one open others, and the first load names each file. */
const accessPages = () => import("../pages/organization/access_pages");

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

const invites = createRoute({
  getParentRoute: () => organization,
  path: "/invites",
  validateSearch: (search: Search) => defined({ q: textOf(search.q), state: oneOf(search.state, ["pending", "accepted", "revoked", "expired"]) }),
  component: lazyRouteComponent(() => import("../pages/organization/Invites"), "Invites"),
});

const newInvite = createRoute({
  getParentRoute: () => organization,
  path: "/new/invite",
  component: lazyRouteComponent(() => import("../pages/organization/NewInvite"), "NewInvite"),
});

const importMembers = createRoute({
  getParentRoute: () => organization,
  path: "/new/members",
  component: lazyRouteComponent(() => import("../pages/organization/ImportMembers"), "ImportMembers"),
});

const serviceAccounts = createRoute({
  getParentRoute: () => organization,
  path: "/serviceAccounts",
  validateSearch: (search: Search) => defined({ q: textOf(search.q), state: oneOf(search.state, ["active", "disabled", "deleted"]), order: oneOf(search.order, ["name", "spend"]) }),
  component: lazyRouteComponent(accessPages, "ServiceAccounts"),
});

const serviceAccount = createRoute({
  getParentRoute: () => organization,
  path: "/serviceAccounts/$serviceAccount",
  component: lazyRouteComponent(accessPages, "ServiceAccountPage"),
});

const claimMappings = createRoute({
  getParentRoute: () => organization,
  path: "/claimMappings",
  validateSearch: (search: Search) => defined({ q: textOf(search.q) }),
  component: lazyRouteComponent(accessPages, "ClaimMappings"),
});

const signInLinks = createRoute({
  getParentRoute: () => organization,
  path: "/signInLinks",
  validateSearch: (search: Search) => defined({ q: textOf(search.q), state: oneOf(search.state, ["all", "used", "revoked", "expired"]) }),
  component: lazyRouteComponent(accessPages, "SignInLinks"),
});

const settings = createRoute({
  getParentRoute: () => organization,
  path: "/settings",
  component: lazyRouteComponent(() => import("../pages/organization/Settings"), "Settings"),
});

const member = createRoute({
  getParentRoute: () => organization,
  path: "/members/$member",
  component: lazyRouteComponent(() => import("../pages/organization/MemberPage"), "MemberPage"),
});

export const organizationRoutes = [people, groups, group, member, invites, newInvite, importMembers, serviceAccounts, serviceAccount, claimMappings, signInLinks, settings] as const;
