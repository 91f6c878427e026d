import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, defined, oneOf, textOf } from "./search";

const keys = createRoute({
  getParentRoute: () => organization,
  path: "/apiKeys",
  validateSearch: (search: Search) =>
    defined({ q: textOf(search.q), state: oneOf(search.state, ["active", "disabled", "expired"]), order: oneOf(search.order, ["name", "spend", "use"]) }),
  component: lazyRouteComponent(() => import("../pages/keys/KeyList"), "KeyList"),
});

const newKey = createRoute({
  getParentRoute: () => organization,
  path: "/new/apiKey",
  validateSearch: (search: Search) => defined({ member: textOf(search.member), serviceAccount: textOf(search.serviceAccount) }),
  component: lazyRouteComponent(() => import("../pages/keys/NewKey"), "NewKey"),
});

const key = createRoute({
  getParentRoute: () => organization,
  path: "/apiKeys/$key",
  component: lazyRouteComponent(() => import("../pages/keys/KeyPage"), "KeyPage"),
});

export const keyRoutes = [keys, newKey, key] as const;
