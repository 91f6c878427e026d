import { readFileSync } from "node:fs";
import { join } from "node:path";

import { create } from "@bufbuild/protobuf";
import { ExplainAccessResponseSchema } from "@megarouter/admin";
import { describe, expect, test } from "vitest";

import { budgetIn, refusedIn } from "../../src/components/refusals/refused";

const console_ = join(import.meta.dirname, "../..");

test("every reason for which the gateway refuses calls has words", () => {
  const source = readFileSync(join(console_, "../gateway_core/model/calls/refusals.py"), "utf8");
  const reasons = [...(source.split("class RefusalReason")[1] ?? "").matchAll(/^ {4}[A-Z_]+ = "(\w+)"$/gm)].map(([, code]) => code);
  const named = new Set([...readFileSync(join(console_, "src/hooks/refusals.ts"), "utf8").matchAll(/^ {6}(\w+): t`/gm)].map(([, code]) => code));
  expect(reasons.length).toBeGreaterThan(20);
  expect(reasons.filter((code) => !named.has(code))).toEqual([]);
});

describe("a refusal", () => {
  test("says what is left of the narrowest budget, with what was carried into it", () => {
    const key = { scope: "api_key", limit_nano_credits: "5", carried_nano_credits: "2", used_nano_credits: "4", held_nano_credits: "1", reset_time_epoch_seconds: 1_764_547_200 };
    expect(budgetIn([key, { limit_nano_credits: "100" }])).toMatchObject({ limitNanoCredits: 7n, leftNanoCredits: 2n, models: "", resetTime: { seconds: 1_764_547_200n } });
    expect(budgetIn([{ ...key, used_nano_credits: "9" }])?.leftNanoCredits).toBe(0n);
  });

  test("says no figure that the caller may not see", () => {
    expect(budgetIn([{ limit_nano_credits: "5", models: "gpt-*", reset_time_epoch_seconds: null }])).toEqual({ models: "gpt-*", limitNanoCredits: 5n, leftNanoCredits: undefined, resetTime: undefined });
    expect(budgetIn([{ reset_time_epoch_seconds: null }])).toBeUndefined();
    expect(budgetIn([])).toBeUndefined();
  });

  test("of an explanation is by the budget that stops the call", () => {
    const guardrail = "organizations/acme/guardrails/apikey-ci";
    const answer = (figuresHidden: boolean) => create(ExplainAccessResponseSchema, {
      reason: "budget_exhausted", message: "…", stoppedBy: guardrail,
      scopes: [
        { guardrail: "organizations/acme/guardrails/member-emma", budget: { limitNanoCredits: 9n, remainingNanoCredits: 0n } },
        { guardrail, figuresHidden, budget: { fits: true, limitNanoCredits: 8n }, modelBudgets: [{ models: "gpt-*", budget: { limitNanoCredits: 3n, remainingNanoCredits: 1n } }] },
      ],
    });
    expect(refusedIn(answer(false)).budget).toMatchObject({ models: "gpt-*", limitNanoCredits: 3n, leftNanoCredits: 1n });
    expect(refusedIn(answer(true)).budget?.leftNanoCredits).toBeUndefined();
    expect(refusedIn(create(ExplainAccessResponseSchema, { reason: "key_disabled" })).budget).toBeUndefined();
  });
});
