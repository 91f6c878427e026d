import { createRoute, lazyRouteComponent } from "@tanstack/react-router";

import { organization } from "./frame";
import { type Search, daysOf, defined, textOf } from "./search";

const entries = createRoute({
  getParentRoute: () => organization,
  path: "/auditLogEntries",
  validateSearch: (search: Search) => defined({ q: textOf(search.q), member: textOf(search.member), ...daysOf(search) }),
  component: lazyRouteComponent(() => import("../pages/audit/AuditLogList"), "AuditLogList"),
});

const entry = createRoute({
  getParentRoute: () => organization,
  path: "/auditLogEntries/$entry",
  component: lazyRouteComponent(() => import("../pages/audit/AuditEntryPage"), "AuditEntryPage"),
});

const credentials = createRoute({
  getParentRoute: () => organization,
  path: "/credentials",
  component: lazyRouteComponent(() => import("../pages/credentials/CredentialList"), "CredentialList"),
});

export const auditRoutes = [entries, entry, credentials] as const;
