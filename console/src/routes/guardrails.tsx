import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, defined, oneOf, textOf } from "./search";

const guardrails = createRoute({
  getParentRoute: () => organization,
  path: "/guardrails",
  validateSearch: (search: Search) => defined({ of: oneOf(search.of, ["organization", "group", "member", "key"]), mode: oneOf(search.mode, ["enforce", "shadow"]) }),
  component: lazyRouteComponent(() => import("../pages/guardrails/GuardrailList"), "GuardrailList"),
});

const guardrail = createRoute({
  getParentRoute: () => organization,
  path: "/guardrails/$guardrail",
  component: lazyRouteComponent(() => import("../pages/guardrails/GuardrailPage"), "GuardrailPage"),
});

const defaults = createRoute({
  getParentRoute: () => organization,
  path: "/guardrailDefaults",
  component: lazyRouteComponent(() => import("../pages/guardrails/DefaultList"), "DefaultList"),
});

const oneDefault = createRoute({
  getParentRoute: () => organization,
  path: "/guardrailDefaults/$default",
  component: lazyRouteComponent(() => import("../pages/guardrails/DefaultPage"), "DefaultPage"),
});

const explain = createRoute({
  getParentRoute: () => organization,
  path: "/explain",
  validateSearch: (search: Search) => defined({ member: textOf(search.member), key: textOf(search.key), serviceAccount: textOf(search.serviceAccount), model: textOf(search.model) }),
  component: lazyRouteComponent(() => import("../pages/guardrails/Explain"), "Explain"),
});

export const guardrailRoutes = [guardrails, guardrail, defaults, oneDefault, explain] as const;
