import { describe, expect, test } from "vitest";

import { type Series, labelled, stackBuckets } from "../../src/charts/stacking";

const series = (id: string, ...values: number[]): Series => ({ id, label: id, color: "red", values });

describe("stacked bars", () => {
  test("a piece begins where the one below ends", () => {
    const [first] = stackBuckets([series("a", 3), series("b", 2)], 1);
    expect(first?.map(({ from, to }) => [from, to])).toEqual([[0, 3], [3, 5]]);
  });

  test("a missing value is nothing", () => {
    expect(stackBuckets([series("a", 1)], 2)[1]?.map(({ from, to }) => to - from)).toEqual([0]);
  });

  test("the last bucket always has a label, and labels do not meet", () => {
    const chosen = [...labelled(30, 600, 60)];
    expect(chosen.at(-1)).toBe(29);
    expect(chosen).toHaveLength(10);
  });
});
