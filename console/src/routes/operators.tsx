import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { root } from "./frame";
import { type Search, daysOf, defined, oneOf, textOf } from "./search";

const shell = createRoute({
  getParentRoute: () => root,
  path: "/operators",
  component: lazyRouteComponent(() => import("../layouts/OperatorShell"), "OperatorShell"),
});

const organizations = createRoute({
  getParentRoute: () => shell,
  path: "/",
  validateSearch: (search: Search) => defined({ q: textOf(search.q), kind: oneOf(search.kind, ["organization", "personal"]), state: oneOf(search.state, ["active", "suspended", "deleted"]) }),
  component: lazyRouteComponent(() => import("../pages/operators/OrganizationList"), "OrganizationList"),
});

const organization = createRoute({
  getParentRoute: () => shell,
  path: "/organizations/$organization",
  component: lazyRouteComponent(() => import("../pages/operators/OrganizationPage"), "OrganizationPage"),
});

const requests = createRoute({
  getParentRoute: () => shell,
  path: "/topUpRequests",
  validateSearch: (search: Search) => defined({ state: oneOf(search.state, ["pending", "approved", "rejected", "all"]) }),
  component: lazyRouteComponent(() => import("../pages/operators/RequestList"), "RequestList"),
});

const auditLog = createRoute({
  getParentRoute: () => shell,
  path: "/auditLog",
  validateSearch: (search: Search) => defined({ q: textOf(search.q), organization: textOf(search.organization), ...daysOf(search) }),
  component: lazyRouteComponent(() => import("../pages/operators/OperatorAuditLog"), "OperatorAuditLog"),
});

export const operatorRoutes = [shell.addChildren([organizations, organization, requests, auditLog])] as const;
