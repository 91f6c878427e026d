import { expect, test } from "vitest";

import { onlyText } from "../../src/util/trusted_types";

test("style rules may be inserted as text", () => {
  expect(onlyText(".a > .b{color:red}")).toBe(".a > .b{color:red}");
});

test("nothing that could become an element is inserted", () => {
  expect(() => onlyText("<img src=x onerror=alert(1)>")).toThrow("inserts no HTML");
});
