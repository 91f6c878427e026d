import { expect, test } from "vitest";

import { allOf, idOf, quoted } from "../../src/api/names";
import { pathOf, pathsOf } from "../../src/paths";

test("the address of a page is the resource name of what it shows", () => {
  expect(pathOf("organizations/acme/apiKeys/ci")).toBe("/organizations/acme/apiKeys/ci");
  expect(pathsOf("organizations/acme")).toMatchInlineSnapshot(`
    {
      "alerts": "/organizations/acme/notifications",
      "analysis": "/organizations/acme/analytics/analysis",
      "analytics": "/organizations/acme/analytics",
      "anomalies": "/organizations/acme/analytics/anomalies",
      "anomaly": "/organizations/acme/anomalies",
      "auditLog": "/organizations/acme/auditLogEntries",
      "calls": "/organizations/acme/calls",
      "catalog": "/organizations/acme/models",
      "channels": "/organizations/acme/notificationChannels",
      "claimMappings": "/organizations/acme/claimMappings",
      "credentials": "/organizations/acme/credentials",
      "credit": "/organizations/acme/credit",
      "deliveries": "/organizations/acme/notificationDeliveries",
      "explain": "/organizations/acme/explain",
      "explore": "/organizations/acme/analytics/explore",
      "exports": "/organizations/acme/usageExports",
      "findings": "/organizations/acme/usageFindings",
      "groups": "/organizations/acme/groups",
      "guardrailDefaults": "/organizations/acme/guardrailDefaults",
      "guardrails": "/organizations/acme/guardrails",
      "home": "/organizations/acme",
      "importMembers": "/organizations/acme/new/members",
      "invites": "/organizations/acme/invites",
      "invoices": "/organizations/acme/invoiceRequests",
      "keys": "/organizations/acme/apiKeys",
      "members": "/organizations/acme/members",
      "models": "/organizations/acme/analytics/models",
      "newAdjustment": "/organizations/acme/new/adjustment",
      "newChannel": "/organizations/acme/new/notificationChannel",
      "newInvite": "/organizations/acme/new/invite",
      "newInvoice": "/organizations/acme/new/invoiceRequest",
      "newKey": "/organizations/acme/new/apiKey",
      "newRefund": "/organizations/acme/new/refund",
      "newRule": "/organizations/acme/new/notificationRule",
      "newTopUp": "/organizations/acme/new/topUp",
      "newVirtualModel": "/organizations/acme/new/virtualModel",
      "ownKeys": "/organizations/acme/providerCredentials",
      "people": "/organizations/acme/people",
      "playground": "/organizations/acme/playground",
      "profile": "/organizations/acme/profile",
      "providers": "/organizations/acme/providers",
      "routing": "/organizations/acme/routingPolicies",
      "rules": "/organizations/acme/notificationRules",
      "savings": "/organizations/acme/analytics/savings",
      "serviceAccounts": "/organizations/acme/serviceAccounts",
      "settings": "/organizations/acme/settings",
      "signInLinks": "/organizations/acme/signInLinks",
      "statement": "/organizations/acme/creditStatement",
      "top": "/organizations/acme/analytics/top",
      "topUpRequests": "/organizations/acme/topUpRequests",
      "transactions": "/organizations/acme/creditTransactions",
      "virtualModels": "/organizations/acme/virtualModels",
    }
  `);
});

test("a value cannot break out of a filter", () => {
  expect(quoted('x" OR role = "y\\')).toBe('"x\\" OR role = \\"y\\\\"');
});

test("empty parts of a filter are left out", () => {
  expect(allOf("", 'state = ACTIVE', "")).toBe("state = ACTIVE");
});

test("an id is the last part of a name", () => {
  expect(idOf("organizations/acme/members/ada")).toBe("ada");
});
