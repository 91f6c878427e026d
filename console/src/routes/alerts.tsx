import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, defined, oneOf } from "./search";

const inbox = createRoute({
  getParentRoute: () => organization,
  path: "/notifications",
  validateSearch: (search: Search) => defined({ show: oneOf(search.show, ["open", "all"]) }),
  component: lazyRouteComponent(() => import("../pages/alerts/Inbox"), "Inbox"),
});

export const alertRoutes = [inbox] as const;
