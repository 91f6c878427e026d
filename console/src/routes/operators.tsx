import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { root } from "./frame";
import { type Search, daysOf, defined, oneOf, textOf } from "./search";

/** The pages come as one file: who opens one opens others, and the first load names each file. */
const pages = () => import("../pages/operators/pages");

const shell = createRoute({
  getParentRoute: () => root,
  path: "/operators",
  component: lazyRouteComponent(() => import("../layouts/OperatorShell"), "OperatorShell"),
});

const organizations = createRoute({
  getParentRoute: () => shell,
  path: "/",
  validateSearch: (search: Search) => defined({ q: textOf(search.q), kind: oneOf(search.kind, ["organization", "personal"]), state: oneOf(search.state, ["active", "suspended", "deleted"]) }),
  component: lazyRouteComponent(pages, "OrganizationList"),
});

const organization = createRoute({
  getParentRoute: () => shell,
  path: "/organizations/$organization",
  component: lazyRouteComponent(pages, "OrganizationPage"),
});

const requests = createRoute({
  getParentRoute: () => shell,
  path: "/topUpRequests",
  validateSearch: (search: Search) => defined({ state: oneOf(search.state, ["pending", "approved", "rejected", "all"]) }),
  component: lazyRouteComponent(pages, "RequestList"),
});

const auditLog = createRoute({
  getParentRoute: () => shell,
  path: "/auditLog",
  validateSearch: (search: Search) => defined({ q: textOf(search.q), organization: textOf(search.organization), ...daysOf(search) }),
  component: lazyRouteComponent(pages, "OperatorAuditLog"),
});

/** Names of models may contain slashes, so the page of a model takes all that is left of the address. */
const models = createRoute({ getParentRoute: () => shell, path: "/models" });

const offeredModels = createRoute({
  getParentRoute: () => models,
  path: "/",
  validateSearch: (search: Search) => defined({ q: textOf(search.q), provider: textOf(search.provider) }),
  component: lazyRouteComponent(pages, "OfferedModels"),
});

const offeredModel = createRoute({ getParentRoute: () => models, path: "/$", component: lazyRouteComponent(pages, "OfferedModelPage") });
const editModel = createRoute({ getParentRoute: () => shell, path: "/edit/models/$", component: lazyRouteComponent(pages, "EditModel") });
const newModel = createRoute({ getParentRoute: () => shell, path: "/new/model", component: lazyRouteComponent(pages, "NewModel") });
const providers = createRoute({ getParentRoute: () => shell, path: "/providers", component: lazyRouteComponent(pages, "ProviderList") });
const provider = createRoute({ getParentRoute: () => shell, path: "/providers/$provider", component: lazyRouteComponent(pages, "ProviderPage") });
const editProvider = createRoute({ getParentRoute: () => shell, path: "/providers/$provider/edit", component: lazyRouteComponent(pages, "EditProvider") });
const newProvider = createRoute({ getParentRoute: () => shell, path: "/new/provider", component: lazyRouteComponent(pages, "NewProvider") });
const limits = createRoute({ getParentRoute: () => shell, path: "/listenerLimits", component: lazyRouteComponent(pages, "Limits") });
const versions = createRoute({ getParentRoute: () => shell, path: "/configurationVersions", component: lazyRouteComponent(pages, "Versions") });

export const operatorRoutes = [
  shell.addChildren([
    organizations, organization, requests, auditLog, models.addChildren([offeredModels, offeredModel]), editModel, newModel, providers, provider, editProvider, newProvider, limits, versions,
  ]),
] as const;
