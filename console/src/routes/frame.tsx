import { createRootRoute, createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { NotFound } from "../components/NotFound";

/** What the other routes are below: the console itself, and an organization. */
export const root = createRootRoute({ notFoundComponent: NotFound });

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
