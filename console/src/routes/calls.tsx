import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { selectionOf } from "../util/selection";
import { organization } from "./frame";

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

export const callRoutes = [calls, call] as const;
