import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, defined, oneOf, textOf } from "./search";

/** These pages come as one file: admins who open one open others, and the first load names each file. */
const settingsPages = () => import("../pages/alerts/settings_pages");

const inbox = createRoute({
  getParentRoute: () => organization,
  path: "/notifications",
  validateSearch: (search: Search) => defined({ show: oneOf(search.show, ["open", "all"]) }),
  component: lazyRouteComponent(() => import("../pages/alerts/Inbox"), "Inbox"),
});

const rules = createRoute({
  getParentRoute: () => organization,
  path: "/notificationRules",
  component: lazyRouteComponent(settingsPages, "RuleList"),
});

const rule = createRoute({
  getParentRoute: () => organization,
  path: "/notificationRules/$rule",
  component: lazyRouteComponent(settingsPages, "RulePage"),
});

const editRule = createRoute({
  getParentRoute: () => organization,
  path: "/notificationRules/$rule/edit",
  component: lazyRouteComponent(settingsPages, "EditRule"),
});

const newRule = createRoute({
  getParentRoute: () => organization,
  path: "/new/notificationRule",
  validateSearch: (search: Search) => defined({ overrides: textOf(search.overrides) }),
  component: lazyRouteComponent(settingsPages, "NewRule"),
});

const channels = createRoute({
  getParentRoute: () => organization,
  path: "/notificationChannels",
  component: lazyRouteComponent(settingsPages, "ChannelList"),
});

const channel = createRoute({
  getParentRoute: () => organization,
  path: "/notificationChannels/$channel",
  component: lazyRouteComponent(settingsPages, "ChannelPage"),
});

const editChannel = createRoute({
  getParentRoute: () => organization,
  path: "/notificationChannels/$channel/edit",
  component: lazyRouteComponent(settingsPages, "EditChannel"),
});

const newChannel = createRoute({
  getParentRoute: () => organization,
  path: "/new/notificationChannel",
  component: lazyRouteComponent(settingsPages, "NewChannel"),
});

const deliveries = createRoute({
  getParentRoute: () => organization,
  path: "/notificationDeliveries",
  validateSearch: (search: Search) => defined({ state: oneOf(search.state, ["pending", "delivered", "failed", "canceled"]) }),
  component: lazyRouteComponent(settingsPages, "DeliveryList"),
});

const delivery = createRoute({
  getParentRoute: () => organization,
  path: "/notificationDeliveries/$delivery",
  component: lazyRouteComponent(settingsPages, "DeliveryPage"),
});

export const alertRoutes = [inbox, rules, rule, editRule, newRule, channels, channel, editChannel, newChannel, deliveries, delivery] as const;
