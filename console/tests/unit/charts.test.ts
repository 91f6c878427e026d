import { describe, expect, test } from "vitest";

import { type Series, labelled, stackBuckets } from "../../src/charts/stacking";
import { barsBetween, roundTicks } from "../../src/charts/scales";

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

test.each([
  [0, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [0.37, [0, 0.1, 0.2, 0.3, 0.4]],
  [4, [0, 1, 2, 3, 4]],
  [9.3, [0, 2, 4, 6, 8, 10]],
  [1_234, [0, 500, 1000, 1500]],
])("up to %d, the ticks are %j", (highest, ticks) => {
  expect(roundTicks(highest)).toEqual(ticks);
});

test("bars fill the chart, with a gap on both sides", () => {
  const bars = barsBetween(10, 110, 4);
  expect(bars.start(0) - 10).toBeCloseTo(110 - bars.start(3) - bars.width);
  expect(bars.start(1) - bars.start(0)).toBeCloseTo(bars.step);
});
