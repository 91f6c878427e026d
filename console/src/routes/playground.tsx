import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, defined, textOf } from "./search";

const playground = createRoute({
  getParentRoute: () => organization,
  path: "/playground",
  validateSearch: (search: Search) => defined({ model: textOf(search.model) }),
  component: lazyRouteComponent(() => import("../pages/playground/Playground"), "Playground"),
});

export const playgroundRoutes = [playground] as const;
