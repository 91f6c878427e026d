import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { selectionOf } from "../util/selection";
import { organization } from "./frame";
import { type Search, defined, oneOf } from "./search";

const exports = createRoute({
  getParentRoute: () => organization,
  path: "/usageExports",
  validateSearch: (search: Search) => ({
    ...selectionOf(search),
    ...defined({ format: oneOf(search.format, ["pdf", "csv", "focus"]), language: oneOf(search.language, ["en", "zh"]), paper: oneOf(search.paper, ["a4", "letter"]) }),
  }),
  component: lazyRouteComponent(() => import("../pages/exports/Exports"), "Exports"),
});

export const exportRoutes = [exports] as const;
