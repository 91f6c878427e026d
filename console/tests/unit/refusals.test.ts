import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

const console_ = join(import.meta.dirname, "../..");

test("every reason for which the gateway refuses calls has words", () => {
  const source = readFileSync(join(console_, "../gateway_core/model/calls/refusals.py"), "utf8");
  const reasons = [...(source.split("class RefusalReason")[1] ?? "").matchAll(/^ {4}[A-Z_]+ = "(\w+)"$/gm)].map(([, code]) => code);
  const named = new Set([...readFileSync(join(console_, "src/hooks/refusals.ts"), "utf8").matchAll(/^ {6}(\w+): t`/gm)].map(([, code]) => code));
  expect(reasons.length).toBeGreaterThan(20);
  expect(reasons.filter((code) => !named.has(code))).toEqual([]);
});
