import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { root } from "./frame";

/** What needs no sign-in: checking a report that somebody has, and opening one that somebody shares. */
const verify = createRoute({ getParentRoute: () => root, path: "/verify", component: lazyRouteComponent(() => import("../pages/verify/Verify"), "Verify") });

const report = createRoute({ getParentRoute: () => root, path: "/report", component: lazyRouteComponent(() => import("../pages/verify/SharedReport"), "SharedReport") });

export const verifyRoutes = [verify, report] as const;
