import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, defined, oneOf, periodOf, textOf } from "./search";

const metrics = ["charge", "tokens", "calls"] as const;

const analytics = createRoute({
  getParentRoute: () => organization,
  path: "/analytics",
  validateSearch: (search: Search) => defined({ period: periodOf(search), group: textOf(search.group), model: textOf(search.model) }),
  component: lazyRouteComponent(() => import("../pages/analytics/Frame"), "AnalyticsFrame"),
});

const overview = createRoute({
  getParentRoute: () => analytics,
  path: "/",
  component: lazyRouteComponent(() => import("../pages/analytics/Overview"), "Overview"),
});

const models = createRoute({
  getParentRoute: () => analytics,
  path: "/models",
  validateSearch: (search: Search) => defined({ metric: oneOf(search.metric, metrics) }),
  component: lazyRouteComponent(() => import("../pages/analytics/Models"), "Models"),
});

const top = createRoute({
  getParentRoute: () => analytics,
  path: "/top",
  validateSearch: (search: Search) => defined({ metric: oneOf(search.metric, metrics), of: oneOf(search.of, ["members", "keys", "groups", "models"]) }),
  component: lazyRouteComponent(() => import("../pages/analytics/Top"), "Top"),
});

export const analyticsRoutes = [analytics.addChildren([overview, models, top])] as const;
