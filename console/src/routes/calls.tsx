import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, defined, oneOf, periodOf, textOf } from "./search";

const calls = createRoute({
  getParentRoute: () => organization,
  path: "/calls",
  validateSearch: (search: Search) =>
    defined({
      period: periodOf(search), model: textOf(search.model), member: textOf(search.member), key: textOf(search.key), group: textOf(search.group),
      status: oneOf(search.status, ["settled", "failed", "unconfirmed"]),
    }),
  component: lazyRouteComponent(() => import("../pages/calls/CallList"), "CallList"),
});

const call = createRoute({
  getParentRoute: () => organization,
  path: "/calls/$call",
  component: lazyRouteComponent(() => import("../pages/calls/CallPage"), "CallPage"),
});

export const callRoutes = [calls, call] as const;
