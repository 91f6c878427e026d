import { createRootRoute, createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { NotFound } from "../components/NotFound";
import { painted } from "../util/painted";

/** What the other routes are below: the console itself, and an organization. */
export const root = createRootRoute({
  notFoundComponent: NotFound,
  // A page whose data is there renders at once, and a long one takes some frames. The click shows in the navigation before.
  beforeLoad: ({ cause }) => (cause === "stay" ? painted() : undefined),
});

export const organization = createRoute({
  getParentRoute: () => root,
  path: "/organizations/$organization",
  component: lazyRouteComponent(() => import("../layouts/Shell"), "Shell"),
});

export const home = createRoute({
  getParentRoute: () => organization,
  path: "/",
  component: lazyRouteComponent(() => import("../pages/Home"), "Home"),
});
