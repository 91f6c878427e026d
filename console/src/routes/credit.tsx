import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";

const credit = createRoute({
  getParentRoute: () => organization,
  path: "/credit",
  component: lazyRouteComponent(() => import("../pages/credit/Credit"), "Credit"),
});

export const creditRoutes = [credit] as const;
