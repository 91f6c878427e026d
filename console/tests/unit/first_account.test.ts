import { expect, test } from "vitest";

import { firstAccount } from "../../src/util/first_account";

test.each([
  ["personal", [], "personal"],
  ["personal", ["acme"], "acme"],
  ["personal", ["acme", "other"], "personal"],
  ["acme", ["acme", "other"], "acme"],
])("from %s with %j a person begins with %s", (current, organizations, first) => {
  expect(firstAccount(current, organizations)).toBe(first);
});
