import { describe, expect, test } from "vitest";

import { parseCount } from "../../src/forms/fields/AmountField";
import { formatCredits, parseCredits, percentOf } from "../../src/util/credits";

describe("an amount of credits", () => {
  test.each([
    [0n, "0.00"],
    [1_234_567_890_000n, "1,234.57"],
    [100_000_000n, "0.10"],
    [8_200_000n, "0.0082"],
    [627_450n, "0.000627"],
    [999n, "0.000000999"],
    [-5_500_000_000n, "−5.50"],
  ])("%s is shown as %s", (nanoCredits, shown) => {
    expect(formatCredits(nanoCredits, "en")).toBe(shown);
  });

  test("beyond doubles keeps every digit", () => {
    expect(formatCredits(9_007_199_254_740_993_000_000_001n, "en", 9)).toBe("9,007,199,254,740,993.000000001");
  });

  test.each([
    [0n, 2, "0.00"],
    [5_000_000n, 2, "0.01"],
    [4_999_999n, 2, "0.0050"],
    [200_000n, 2, "0.000200"],
    [-17_750n, 2, "−0.000018"],
    [400_000_000n, 0, "0.40"],
  ])("%s is never shown as nothing with %s decimals, but as %s", (nanoCredits, decimals, shown) => {
    expect(formatCredits(nanoCredits, "en", decimals)).toBe(shown);
  });

  test("rounds half up", () => {
    expect(formatCredits(1_005_000_000n, "en", 2)).toBe("1.01");
  });
});

describe("a typed amount", () => {
  test.each([["25", 25_000_000_000n], ["0.5", 500_000_000n], [" 7.000000001 ", 7_000_000_001n], ["12,000,000", 12_000_000_000_000_000n], ["1,000.5", 1_000_500_000_000n], ["12，000", 12_000_000_000_000n], ["12 000", 12_000_000_000_000n]])("%s is read", (text, nanoCredits) => {
    expect(parseCredits(text)).toBe(nanoCredits);
  });

  test.each(["", "-1", "1,5", "1e3", "0.0000000001", "1234567890", "1,00", "1,0000", "0.5,000", "1,234,567,890"])("%s is none", (text) => {
    expect(parseCredits(text)).toBeUndefined();
  });
});

test("a count is read with separators of thousands, and not where they may be a decimal point", () => {
  expect(["1,000", "1000", "12 000 000", "1,5", "1.5"].map(parseCount)).toEqual([1000n, 1000n, 12_000_000n, undefined, undefined]);
});

test("a share stays between 0 and 100 percent", () => {
  expect([percentOf(1n, 4n), percentOf(9n, 4n), percentOf(0n, 0n), percentOf(1n, 0n)]).toEqual([25, 100, 0, 100]);
});
