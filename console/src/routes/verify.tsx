import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { root } from "./frame";

/** Needs no sign-in: everyone who has a report may check it. */
const verify = createRoute({ getParentRoute: () => root, path: "/verify", component: lazyRouteComponent(() => import("../pages/verify/Verify"), "Verify") });

export const verifyRoutes = [verify] as const;
