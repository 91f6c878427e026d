import { Guardrail_Cycle, Role } from "@megarouter/admin";
import { expect, test } from "vitest";

import { readTable, writeTable } from "../../src/util/csv";
import { memberTable } from "../../src/util/member_rows";

test("a table is read as spreadsheets write it", () => {
  expect(readTable('\uFEFFa;b\r\n"x;y";"say ""hi"""\r\n\r\n1;2')).toEqual([["a", "b"], ["x;y", 'say "hi"'], ["1", "2"]]);
  expect(readTable("a\tb\n1,5\t2")).toEqual([["a", "b"], ["1,5", "2"]]);
});

test("a written cell is no formula, and is read back", () => {
  const rows = [["=1+1", 'a "b"'], ["c,d", "e"]];
  expect(writeTable(rows)).toBe('\uFEFF\'=1+1,"a ""b"""\r\n"c,d",e\r\n');
});

test("a row says what a member should be", () => {
  const { rows, problems } = memberTable("e-mail,team,role,credits,period,rollover,rpm,models\nada@acme.example,Engineering/Platform,sub admin,25.5,monthly,on,60,openai/* gpt-4o\n");
  expect(problems).toEqual([]);
  expect(rows).toEqual([{
    email: "ada@acme.example", role: Role.SUB_ADMIN, groupPath: "Engineering/Platform", removedLimits: [],
    limits: { budgetNanoCredits: 25_500_000_000n, cycle: Guardrail_Cycle.MONTHLY, requestsPerMinute: 60, modelWhitelist: { entries: ["openai/*", "gpt-4o"] }, rollover: { enabled: true } },
  }]);
});

test("an empty cell leaves a value as it is, and none removes it", () => {
  const { rows } = memberTable("address,group,budget,rpm,models,rollover\nada@acme.example,,,,,\ngrace@acme.example,none,none,none,none,none");
  expect(rows).toEqual([
    { email: "ada@acme.example", removedLimits: [] },
    { email: "grace@acme.example", groupPath: "", limits: { rollover: { enabled: false } }, removedLimits: ["budget_nano_credits", "requests_per_minute", "model_whitelist"] },
  ]);
});

test("what is wrong is named with its line", () => {
  expect(memberTable("address,color\na@b.example,red").problems).toEqual([{ kind: "unknown-column", line: 1, text: "color" }]);
  expect(memberTable("role\nmember").problems.map(({ kind }) => kind)).toEqual(["no-address-column"]);
  expect(memberTable("address,role,budget,cycle\nada,king,much,yearly").problems.map(({ kind, line }) => [kind, line])).toEqual([["address", 2], ["role", 2], ["budget", 2], ["cycle", 2]]);
  expect(memberTable("").problems.map(({ kind }) => kind)).toEqual(["no-rows"]);
});
