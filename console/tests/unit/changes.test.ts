import { expect, test } from "vitest";

import { fieldChanges } from "../../src/util/changes";

test("only what differs is a change, with its path", () => {
  const before = { name: "groups/a", displayName: "A", limits: { budget: "5", cycle: "MONTHLY" }, models: ["x"] };
  const after = { name: "groups/a", displayName: "B", limits: { budget: "7", cycle: "MONTHLY" }, models: ["x", "y"] };
  expect(fieldChanges(before, after)).toEqual([
    { field: "displayName", before: "A", after: "B" },
    { field: "limits.budget", before: "5", after: "7" },
    { field: "models", before: '["x"]', after: '["x","y"]' },
  ]);
});

test("a new resource has only new fields, and a deleted one only old ones", () => {
  expect(fieldChanges(undefined, { on: true })).toEqual([{ field: "on", before: undefined, after: "true" }]);
  expect(fieldChanges({ on: null, empty: {} }, undefined)).toEqual([
    { field: "empty", before: "{}", after: undefined },
    { field: "on", before: "null", after: undefined },
  ]);
});

test("what changes with every change is left out", () => {
  expect(fieldChanges({ etag: "1", updateTime: "t" }, { etag: "2", updateTime: "u" })).toEqual([]);
});
