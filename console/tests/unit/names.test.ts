import { expect, test } from "vitest";

import { allOf, idOf, quoted } from "../../src/api/names";
import { pathOf, pathsOf } from "../../src/paths";

test("the address of a page is the resource name of what it shows", () => {
  expect(pathOf("organizations/acme/apiKeys/ci")).toBe("/organizations/acme/apiKeys/ci");
  expect(pathsOf("organizations/acme")).toMatchInlineSnapshot(`
    {
      "alerts": "/organizations/acme/notifications",
      "analytics": "/organizations/acme/analytics",
      "calls": "/organizations/acme/calls",
      "credit": "/organizations/acme/credit",
      "explain": "/organizations/acme/explain",
      "groups": "/organizations/acme/groups",
      "guardrailDefaults": "/organizations/acme/guardrailDefaults",
      "guardrails": "/organizations/acme/guardrails",
      "home": "/organizations/acme",
      "importMembers": "/organizations/acme/new/members",
      "invites": "/organizations/acme/invites",
      "keys": "/organizations/acme/apiKeys",
      "members": "/organizations/acme/members",
      "models": "/organizations/acme/analytics/models",
      "newInvite": "/organizations/acme/new/invite",
      "newKey": "/organizations/acme/new/apiKey",
      "people": "/organizations/acme/people",
      "profile": "/organizations/acme/profile",
      "serviceAccounts": "/organizations/acme/serviceAccounts",
      "settings": "/organizations/acme/settings",
      "top": "/organizations/acme/analytics/top",
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
