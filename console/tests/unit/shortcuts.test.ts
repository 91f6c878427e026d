import { expect, test } from "vitest";

import { pressed } from "../../src/util/shortcuts";

test("g begins, and a second key goes to a page", () => {
  expect(pressed(undefined, "g", ["h", "a"])).toBe("begin");
  expect(pressed("g", "a", ["h", "a"])).toEqual({ go: "a" });
});

test("a second key without a page ends the sequence", () => {
  expect(pressed("g", "z", ["h"])).toBeUndefined();
  expect(pressed("g", "?", ["h"])).toBeUndefined();
});

test("a question mark shows the keys, and other keys do nothing", () => {
  expect([pressed(undefined, "?", []), pressed(undefined, "h", ["h"])]).toEqual(["help", undefined]);
});
