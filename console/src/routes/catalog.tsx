import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, defined, oneOf, textOf } from "./search";

/** Names of models may contain slashes, so the page of a model takes all that is left of the address. */
const models = createRoute({ getParentRoute: () => organization, path: "/models" });

const modelList = createRoute({
  getParentRoute: () => models,
  path: "/",
  validateSearch: (search: Search) => defined({ q: textOf(search.q), provider: textOf(search.provider), show: oneOf(search.show, ["mine"]) }),
  component: lazyRouteComponent(() => import("../pages/catalog/ModelList"), "ModelList"),
});

const model = createRoute({
  getParentRoute: () => models,
  path: "/$",
  component: lazyRouteComponent(() => import("../pages/catalog/ModelPage"), "ModelPage"),
});

const virtualModels = createRoute({
  getParentRoute: () => organization,
  path: "/virtualModels",
  component: lazyRouteComponent(() => import("../pages/catalog/VirtualModelList"), "VirtualModelList"),
});

const virtualModel = createRoute({
  getParentRoute: () => organization,
  path: "/virtualModels/$model",
  component: lazyRouteComponent(() => import("../pages/catalog/VirtualModelPage"), "VirtualModelPage"),
});

const editVirtualModel = createRoute({
  getParentRoute: () => organization,
  path: "/virtualModels/$model/edit",
  component: lazyRouteComponent(() => import("../pages/catalog/EditVirtualModel"), "EditVirtualModel"),
});

const newVirtualModel = createRoute({
  getParentRoute: () => organization,
  path: "/new/virtualModel",
  component: lazyRouteComponent(() => import("../pages/catalog/EditVirtualModel"), "NewVirtualModel"),
});

const routing = createRoute({
  getParentRoute: () => organization,
  path: "/routingPolicies",
  validateSearch: (search: Search) =>
    defined({ of: textOf(search.of), caller: textOf(search.caller), model: textOf(search.model), useCase: textOf(search.useCase), tools: oneOf(search.tools, ["yes"]) }),
  component: lazyRouteComponent(() => import("../pages/catalog/Routing"), "Routing"),
});

const providers = createRoute({
  getParentRoute: () => organization,
  path: "/providers",
  component: lazyRouteComponent(() => import("../pages/catalog/ProviderList"), "ProviderList"),
});

const ownKeys = createRoute({
  getParentRoute: () => organization,
  path: "/providerCredentials",
  component: lazyRouteComponent(() => import("../pages/catalog/OwnKeys"), "OwnKeys"),
});

export const catalogRoutes = [models.addChildren([modelList, model]), virtualModels, virtualModel, editVirtualModel, newVirtualModel, routing, providers, ownKeys] as const;
