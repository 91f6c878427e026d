import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { factsOf } from "../../src/components/alerts/facts";

const wording = join(import.meta.dirname, "../../../gateway_core/model/alerts");

test("every type of event that the service words has a sentence in the other languages", () => {
  const values = new Map([...readFileSync(join(wording, "event_types.py"), "utf8").matchAll(/^([A-Z_]+): Final = "([^"]+)"/gm)].map(([, name, value]) => [name, value]));
  const worded = [...readFileSync(join(wording, "wording.py"), "utf8").matchAll(/^ {4}types\.([A-Z_]+):/gm)].map(([, name]) => values.get(name));
  const ours = [...readFileSync(join(import.meta.dirname, "../../src/components/alerts/sentences.ts"), "utf8").matchAll(/^ {4}"?([a-z_.]+)"?: \(/gm)].map(([, type]) => type);
  expect(ours.toSorted()).toEqual(worded.toSorted());
  expect(ours.length).toBeGreaterThan(30);
});

test("what an alert does not say, or says in another form, is empty", () => {
  const facts = factsOf({ scope: { name: "organizations/acme/groups/a", displayName: "" }, spentNanoCredits: "1500000000", expectedNanoCredits: "much", actor: ["x"] }, "zh");
  expect(facts.name).toBe("organizations/acme/groups/a");
  expect(facts.amount("spentNanoCredits")).toBe("1.50");
  expect([facts.by, facts.amount("expectedNanoCredits"), facts.text("budget", "models")]).toEqual(["", "", ""]);
});
