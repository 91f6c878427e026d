import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

const console_ = join(import.meta.dirname, "../..");
const protos = join(console_, "../protos/megarouter/admin/v1");
/** Methods that only read, which the audit log does not keep. */
const reading = /^(?:Get|List|Query|Search)/;

test("every method that the audit log may keep has a sentence", () => {
  const services = readdirSync(protos).map((file) => readFileSync(join(protos, file), "utf8")).join("\n");
  const methods = [...services.matchAll(/^ {2}rpc (\w+)\(/gm)].map(([, name]) => name ?? "").filter((name) => !reading.test(name));
  const named = new Set([...readFileSync(join(console_, "src/hooks/actions.ts"), "utf8").matchAll(/^ {6}(\w+): t`/gm)].map(([, name]) => name));
  expect(methods.length).toBeGreaterThan(100);
  expect(methods.filter((name) => !named.has(name))).toEqual([]);
});
