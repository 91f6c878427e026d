/** The pages that tests look at one by one: of an organization below its home, and of operators. */
export const pages = [
  "", "/analytics", "/analytics/models", "/analytics/top", "/analytics/explore?by=member&then=model&group=engineering", "/analytics/anomalies?show=all", "/analytics/analysis", "/analytics/savings?model=gpt-4o",
  "/usageExports", "/usageExports?format=csv&from=2026-01-01&to=2026-01-31", "/playground", "/calls", "/usageFindings", "/people", "/groups/engineering", "/members/emma", "/apiKeys", "/apiKeys/emma-default", "/new/apiKey",
  "/notifications?show=all", "/notificationRules", "/notificationRules/budgets", "/notificationRules/budgets/edit", "/new/notificationRule", "/notificationChannels",
  "/new/notificationChannel", "/notificationDeliveries", "/models", "/models/gpt-4o-mini", "/virtualModels", "/new/virtualModel", "/routingPolicies?caller=members/emma&model=auto",
  "/providers", "/providerCredentials", "/credit", "/creditTransactions/1", "/creditStatement", "/topUpRequests", "/invoiceRequests", "/new/topUp", "/new/adjustment", "/new/refund", "/new/invoiceRequest",
  "/auditLogEntries", "/auditLogEntries/1", "/credentials",
  "/groups", "/invites", "/new/invite", "/new/members", "/serviceAccounts", "/claimMappings", "/signInLinks?state=all", "/settings", "/guardrails", "/guardrails/group-engineering",
  "/guardrailDefaults", "/guardrailDefaults/organization", "/explain?member=emma&model=gpt-4o", "/profile",
];

/** So many pages are looked at in one test, which must end in time. */
export const pagesAtOnce = 14;
export const parts = Array.from({ length: Math.ceil(pages.length / pagesAtOnce) }, (_, part) => pages.slice(part * pagesAtOnce, (part + 1) * pagesAtOnce));

export const operatorPages = [
  "operators", "operators/organizations/acme", "operators/topUpRequests?state=all", "operators/auditLog", "operators/providers", "operators/providers/openai", "operators/new/provider",
  "operators/models", "operators/models/gpt-4o", "operators/edit/models/gpt-4o", "operators/new/model", "operators/listenerLimits", "operators/configurationVersions",
];
