import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { selectionOf } from "../util/selection";
import { organization } from "./frame";
import { type Search, defined, textOf } from "./search";

const calls = createRoute({
  getParentRoute: () => organization,
  path: "/calls",
  validateSearch: selectionOf,
  component: lazyRouteComponent(() => import("../pages/calls/CallList"), "CallList"),
});

const call = createRoute({
  getParentRoute: () => organization,
  path: "/calls/$call",
  component: lazyRouteComponent(() => import("../pages/calls/CallPage"), "CallPage"),
});

const findings = createRoute({
  getParentRoute: () => organization,
  path: "/usageFindings",
  validateSearch: (search: Search) => defined({ kind: textOf(search.kind) }),
  component: lazyRouteComponent(() => import("../pages/calls/FindingList"), "FindingList"),
});

export const callRoutes = [calls, call, findings] as const;
