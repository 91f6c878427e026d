import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, defined, oneOf, textOf } from "./search";

const inbox = createRoute({
  getParentRoute: () => organization,
  path: "/notifications",
  validateSearch: (search: Search) => defined({ show: oneOf(search.show, ["open", "all"]) }),
  component: lazyRouteComponent(() => import("../pages/alerts/Inbox"), "Inbox"),
});

const rules = createRoute({
  getParentRoute: () => organization,
  path: "/notificationRules",
  component: lazyRouteComponent(() => import("../pages/alerts/RuleList"), "RuleList"),
});

const rule = createRoute({
  getParentRoute: () => organization,
  path: "/notificationRules/$rule",
  component: lazyRouteComponent(() => import("../pages/alerts/RulePage"), "RulePage"),
});

const editRule = createRoute({
  getParentRoute: () => organization,
  path: "/notificationRules/$rule/edit",
  component: lazyRouteComponent(() => import("../pages/alerts/EditRule"), "EditRule"),
});

const newRule = createRoute({
  getParentRoute: () => organization,
  path: "/new/notificationRule",
  validateSearch: (search: Search) => defined({ overrides: textOf(search.overrides) }),
  component: lazyRouteComponent(() => import("../pages/alerts/EditRule"), "NewRule"),
});

const channels = createRoute({
  getParentRoute: () => organization,
  path: "/notificationChannels",
  component: lazyRouteComponent(() => import("../pages/alerts/ChannelList"), "ChannelList"),
});

const channel = createRoute({
  getParentRoute: () => organization,
  path: "/notificationChannels/$channel",
  component: lazyRouteComponent(() => import("../pages/alerts/ChannelPage"), "ChannelPage"),
});

const editChannel = createRoute({
  getParentRoute: () => organization,
  path: "/notificationChannels/$channel/edit",
  component: lazyRouteComponent(() => import("../pages/alerts/EditChannel"), "EditChannel"),
});

const newChannel = createRoute({
  getParentRoute: () => organization,
  path: "/new/notificationChannel",
  component: lazyRouteComponent(() => import("../pages/alerts/EditChannel"), "NewChannel"),
});

const deliveries = createRoute({
  getParentRoute: () => organization,
  path: "/notificationDeliveries",
  validateSearch: (search: Search) => defined({ state: oneOf(search.state, ["pending", "delivered", "failed", "canceled"]) }),
  component: lazyRouteComponent(() => import("../pages/alerts/DeliveryList"), "DeliveryList"),
});

const delivery = createRoute({
  getParentRoute: () => organization,
  path: "/notificationDeliveries/$delivery",
  component: lazyRouteComponent(() => import("../pages/alerts/DeliveryPage"), "DeliveryPage"),
});

export const alertRoutes = [inbox, rules, rule, editRule, newRule, channels, channel, editChannel, newChannel, deliveries, delivery] as const;
