import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { selectionOf } from "../util/selection";
import { organization } from "./frame";
import { type Search, defined, oneOf, textOf } from "./search";

const metrics = ["charge", "tokens", "calls"] as const;

const analytics = createRoute({
  getParentRoute: () => organization,
  path: "/analytics",
  validateSearch: selectionOf,
  component: lazyRouteComponent(() => import("../pages/analytics/Frame"), "AnalyticsFrame"),
});

const overview = createRoute({
  getParentRoute: () => analytics,
  path: "/",
  component: lazyRouteComponent(() => import("../pages/analytics/Overview"), "Overview"),
});

const explore = createRoute({
  getParentRoute: () => analytics,
  path: "/explore",
  validateSearch: (search: Search) =>
    defined({
      by: textOf(search.by), then: textOf(search.then), metric: oneOf(search.metric, ["charge", "tokens", "input", "output", "calls"]),
      every: oneOf(search.every, ["hour", "day", "week", "month"]), tree: oneOf(search.tree, ["now"]),
    }),
  component: lazyRouteComponent(() => import("../pages/analytics/Explore"), "Explore"),
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

const savings = createRoute({
  getParentRoute: () => analytics,
  path: "/savings",
  component: lazyRouteComponent(() => import("../pages/analytics/Savings"), "Savings"),
});

const analysis = createRoute({
  getParentRoute: () => analytics,
  path: "/analysis",
  component: lazyRouteComponent(() => import("../pages/analytics/Analysis"), "Analysis"),
});

const anomalies = createRoute({
  getParentRoute: () => analytics,
  path: "/anomalies",
  validateSearch: (search: Search) =>
    defined({ show: oneOf(search.show, ["open", "all"]), order: oneOf(search.order, ["time", "excess"]) }),
  component: lazyRouteComponent(() => import("../pages/analytics/AnomalyList"), "AnomalyList"),
});

const anomaly = createRoute({
  getParentRoute: () => organization,
  path: "/anomalies/$anomaly",
  component: lazyRouteComponent(() => import("../pages/analytics/AnomalyPage"), "AnomalyPage"),
});

export const analyticsRoutes = [analytics.addChildren([overview, explore, models, top, anomalies, analysis, savings]), anomaly] as const;
