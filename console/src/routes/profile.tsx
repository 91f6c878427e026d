import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";

const profile = createRoute({
  getParentRoute: () => organization,
  path: "/profile",
  component: lazyRouteComponent(() => import("../pages/profile/Profile"), "Profile"),
});

export const profileRoutes = [profile] as const;
