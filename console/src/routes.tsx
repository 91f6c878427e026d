import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { Box, Skeleton } from "@mantine/core";

import { NotFound } from "./components/NotFound";
import { RouteError } from "./components/RouteError";
import { Shell } from "./layouts/Shell";
import { Entry } from "./pages/Entry";
import { Home } from "./pages/Home";
import { SignIn } from "./pages/SignIn";
import { type Period, isPeriod } from "./util/times";

/** Returns the text of a search parameter, if it is one. */
function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined;
}

function oneOf<T extends string>(value: unknown, values: readonly T[]): T | undefined {
  return values.find((one) => one === value);
}

/** Leaves out what is undefined, so that addresses have only what a person chose. */
function defined<T extends object>(search: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as { [Name in keyof T]?: Exclude<T[Name], undefined> };
}

function periodOf(search: Record<string, unknown>): Period | undefined {
  return isPeriod(search.period) ? search.period : undefined;
}

const root = createRootRoute({ notFoundComponent: NotFound });

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>) => {
    const to = textOf(search.to);
    return defined({ to: to?.startsWith("/organizations/") ? to : undefined });
  },
  component: SignIn,
});

const callback = createRoute({
  getParentRoute: () => root,
  path: "/sign-in/callback",
  component: lazyRouteComponent(() => import("./pages/SignInCallback"), "SignInCallback"),
});

const entry = createRoute({ getParentRoute: () => root, path: "/", component: Entry });

const organization = createRoute({ getParentRoute: () => root, path: "/organizations/$organization", component: Shell });

const home = createRoute({ getParentRoute: () => organization, path: "/", component: Home });

const analytics = createRoute({
  getParentRoute: () => organization,
  path: "/analytics",
  validateSearch: (search: Record<string, unknown>) => defined({ period: periodOf(search), group: textOf(search.group), model: textOf(search.model) }),
  component: lazyRouteComponent(() => import("./pages/analytics/Frame"), "AnalyticsFrame"),
});

const overview = createRoute({
  getParentRoute: () => analytics,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/analytics/Overview"), "Overview"),
});

const metrics = ["charge", "tokens", "calls"] as const;

const models = createRoute({
  getParentRoute: () => analytics,
  path: "/models",
  validateSearch: (search: Record<string, unknown>) => defined({ metric: oneOf(search.metric, metrics) }),
  component: lazyRouteComponent(() => import("./pages/analytics/Models"), "Models"),
});

const top = createRoute({
  getParentRoute: () => analytics,
  path: "/top",
  validateSearch: (search: Record<string, unknown>) =>
    defined({ metric: oneOf(search.metric, metrics), of: oneOf(search.of, ["members", "keys", "groups", "models"]) }),
  component: lazyRouteComponent(() => import("./pages/analytics/Top"), "Top"),
});

const calls = createRoute({
  getParentRoute: () => organization,
  path: "/calls",
  validateSearch: (search: Record<string, unknown>) =>
    defined({
      period: periodOf(search), model: textOf(search.model), member: textOf(search.member), key: textOf(search.key), group: textOf(search.group),
      status: oneOf(search.status, ["settled", "failed", "unconfirmed"]),
    }),
  component: lazyRouteComponent(() => import("./pages/calls/CallList"), "CallList"),
});

const call = createRoute({
  getParentRoute: () => organization,
  path: "/calls/$call",
  component: lazyRouteComponent(() => import("./pages/calls/CallPage"), "CallPage"),
});

const people = createRoute({
  getParentRoute: () => organization,
  path: "/people",
  validateSearch: (search: Record<string, unknown>) =>
    defined({ q: textOf(search.q), role: oneOf(search.role, ["super-admin", "l1-admin", "sub-admin", "member"]), order: oneOf(search.order, ["name", "spend"]) }),
  component: lazyRouteComponent(() => import("./pages/organization/People"), "People"),
});

const group = createRoute({
  getParentRoute: () => organization,
  path: "/groups/$group",
  component: lazyRouteComponent(() => import("./pages/organization/GroupPage"), "GroupPage"),
});

const member = createRoute({
  getParentRoute: () => organization,
  path: "/members/$member",
  component: lazyRouteComponent(() => import("./pages/organization/MemberPage"), "MemberPage"),
});

const keys = createRoute({
  getParentRoute: () => organization,
  path: "/apiKeys",
  validateSearch: (search: Record<string, unknown>) =>
    defined({ q: textOf(search.q), state: oneOf(search.state, ["active", "disabled", "expired"]), order: oneOf(search.order, ["name", "spend", "use"]) }),
  component: lazyRouteComponent(() => import("./pages/keys/KeyList"), "KeyList"),
});

const newKey = createRoute({
  getParentRoute: () => organization,
  path: "/new/apiKey",
  component: lazyRouteComponent(() => import("./pages/keys/NewKey"), "NewKey"),
});

const key = createRoute({
  getParentRoute: () => organization,
  path: "/apiKeys/$key",
  component: lazyRouteComponent(() => import("./pages/keys/KeyPage"), "KeyPage"),
});

const alerts = createRoute({
  getParentRoute: () => organization,
  path: "/notifications",
  validateSearch: (search: Record<string, unknown>) => defined({ show: oneOf(search.show, ["open", "all"]) }),
  component: lazyRouteComponent(() => import("./pages/alerts/Inbox"), "Inbox"),
});

const credit = createRoute({
  getParentRoute: () => organization,
  path: "/credit",
  component: lazyRouteComponent(() => import("./pages/credit/Credit"), "Credit"),
});

export const routeTree = root.addChildren([
  signIn, callback, entry,
  organization.addChildren([home, analytics.addChildren([overview, models, top]), calls, call, people, group, member, keys, newKey, key, alerts, credit]),
]);

function Pending() {
  return (
    <Box p="md" role="status" aria-busy="true"><Skeleton height={36} width={220} mb="lg" /><Skeleton height={320} radius={12} /></Box>
  );
}

export const router = createRouter({
  routeTree, basepath: "/console", defaultPendingComponent: Pending, defaultPendingMs: 300, defaultErrorComponent: RouteError, scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
