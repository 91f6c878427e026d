import { describe, expect, test } from "vitest";

import { spendWithBelow } from "../../src/util/spend";

const groups = [
  { name: "a", parentGroup: "" }, { name: "b", parentGroup: "a" }, { name: "c", parentGroup: "b" }, { name: "d", parentGroup: "hidden" },
];
const spent = (value: string, chargeNanoCredits: bigint) => ({ consumer: { value }, total: { chargeNanoCredits } }) as Parameters<typeof spendWithBelow>[1][number];

describe("the spend of groups", () => {
  test("counts toward every group above", () => {
    expect([...spendWithBelow(groups, [spent("a", 1n), spent("b", 10n), spent("c", 100n)])]).toEqual([["a", 111n], ["b", 110n], ["c", 100n], ["d", 0n]]);
  });

  test("leaves out who is in no group, and groups that are not shown", () => {
    expect([...spendWithBelow(groups, [spent("", 1n), spent("elsewhere", 2n), spent("d", 3n)])]).toEqual([["a", 0n], ["b", 0n], ["c", 0n], ["d", 3n]]);
  });
});
