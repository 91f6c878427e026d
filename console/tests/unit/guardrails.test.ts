import { create } from "@bufbuild/protobuf";
import { GuardrailSchema, Guardrail_Cycle, Guardrail_Mode, Guardrail_RateLimit_Unit } from "@megarouter/admin";
import { expect, test } from "vitest";

import { guardrailOf } from "../../src/api/names";
import { addressesOf, withoutAddress } from "../../src/forms/organization/InviteForm";
import { creditsText, guardrailFrom, isRight, textsOf } from "../../src/forms/guardrails/texts";

const full = create(GuardrailSchema, {
  name: "organizations/acme/guardrails/group-sales", etag: '"1"', budgetNanoCredits: 25_500_000_001n, cycle: Guardrail_Cycle.WEEKLY, mode: Guardrail_Mode.SHADOW, requestsPerMinute: 60,
  tokensPerMinute: 9_000_000_000n, concurrencyLimit: 0, modelWhitelist: { entries: [] }, softBudget: { threshold: { case: "amountNanoCredits", value: 5n } }, rollover: { enabled: true, capNanoCredits: 1_000_000_000n },
  rateLimits: [{ models: "openai/*", unit: Guardrail_RateLimit_Unit.DAY, requests: 5 }], modelBudgets: [{ models: "gpt-4o", budgetNanoCredits: 7n, cycle: Guardrail_Cycle.DAILY, rollover: { enabled: true }, softBudget: { threshold: { case: "percent", value: 50 }, softOnly: true } }],
});

test("a form that nobody touched changes no limit", () => {
  expect(create(GuardrailSchema, guardrailFrom(textsOf(full), full))).toEqual(create(GuardrailSchema, full));
  const empty = create(GuardrailSchema, { name: "g", mode: Guardrail_Mode.ENFORCE });
  expect(create(GuardrailSchema, guardrailFrom(textsOf(empty), empty))).toEqual(empty);
});

test("a percentage takes the place of a threshold in credits", () => {
  const changed = guardrailFrom({ ...textsOf(full), soft: { from: "80", unit: "percent", only: false } }, full);
  expect(changed.softBudget?.threshold).toEqual({ case: "percent", value: 80 });
});

test("an emptied budget takes what needs one with it", () => {
  const changed = guardrailFrom({ ...textsOf(full), budget: "" }, full);
  expect([changed.budgetNanoCredits, changed.softBudget, changed.rollover, changed.cycle]).toEqual([undefined, undefined, undefined, Guardrail_Cycle.UNSPECIFIED]);
});

test("a form with a wrong number, or a limit without one, cannot be sent", () => {
  expect(isRight(textsOf(full))).toBe(true);
  expect(isRight({ ...textsOf(full), budget: "much" })).toBe(false);
  expect(isRight({ ...textsOf(full), soft: { from: "101", unit: "percent", only: false } })).toBe(false);
  expect(isRight({ ...textsOf(full), soft: { from: "101", unit: "credits", only: false } })).toBe(true);
  expect(isRight({ ...textsOf(full), rates: [{ models: "", unit: Guardrail_RateLimit_Unit.HOUR, requests: "", tokens: "" }] })).toBe(false);
});

test("an amount keeps all its digits", () => {
  expect([25_500_000_001n, 1_000_000_000n, 7n, 0n, undefined].map(creditsText)).toEqual(["25.500000001", "1", "0.000000007", "0", ""]);
});

test("a guardrail is named after its scope", () => {
  expect(["organizations/acme", "organizations/acme/groups/sales", "organizations/acme/members/emma", "organizations/acme/serviceAccounts/sa-build", "organizations/acme/apiKeys/ci"].map(guardrailOf)).toEqual(
    ["organization", "group-sales", "member-emma", "serviceaccount-sa-build", "apikey-ci"].map((id) => `organizations/acme/guardrails/${id}`),
  );
});

test("addresses are found however they are written, each once", () => {
  expect(addressesOf("Ada <ada@acme.example>; grace@acme.example\nADA@acme.example, nobody")).toEqual(["ADA@acme.example", "grace@acme.example"]);
});

test("what is no address among pasted ones is named, and the name before one is not", () => {
  expect(withoutAddress("Ada Lovelace <ada@acme.example>; grace.acme.example\nbob@acme.example,, bob")).toEqual(["grace.acme.example", "bob"]);
  expect(withoutAddress("ada@acme.example grace@acme.example\n")).toEqual([]);
});
