import { Box, Skeleton } from "@mantine/core";
import { createRouter } from "@tanstack/react-router";

import { RouteError } from "../components/RouteError";
import { alertRoutes } from "./alerts";
import { analyticsRoutes } from "./analytics";
import { auditRoutes } from "./audit";
import { callRoutes } from "./calls";
import { catalogRoutes } from "./catalog";
import { creditRoutes } from "./credit";
import { entranceRoutes } from "./entrance";
import { exportRoutes } from "./exports";
import { home, organization, root } from "./frame";
import { guardrailRoutes } from "./guardrails";
import { keyRoutes } from "./keys";
import { operatorRoutes } from "./operators";
import { organizationRoutes } from "./organization";
import { playgroundRoutes } from "./playground";
import { profileRoutes } from "./profile";
import { verifyRoutes } from "./verify";

export const routeTree = root.addChildren([
  ...entranceRoutes,
  ...verifyRoutes,
  ...operatorRoutes,
  organization.addChildren([
    home, ...analyticsRoutes, ...callRoutes, ...organizationRoutes, ...guardrailRoutes, ...keyRoutes, ...profileRoutes, ...alertRoutes, ...creditRoutes, ...exportRoutes, ...playgroundRoutes, ...catalogRoutes,
    ...auditRoutes,
  ]),
]);

function Pending() {
  return (
    <Box p="md" role="status" aria-busy="true"><Skeleton height={36} width={220} mb="lg" /><Skeleton height={320} radius={12} /></Box>
  );
}

export const router = createRouter({
  routeTree, basepath: "/console", defaultPendingComponent: Pending, defaultPendingMs: 300, defaultErrorComponent: RouteError, scrollRestoration: true,
});

/** Loads the code of what almost everybody sees first, while they are signing in. */
export async function loadAhead(): Promise<void> {
  await Promise.all([organization, home].map((route) => router.loadRouteChunk(route)));
}

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
