import { ungrouped } from "./numbers";

export const nanoPerCredit = 1_000_000_000n;

/**
 * Formats credits exactly enough to read: two decimals, and four significant ones below 0.1 credits. An amount that the wanted decimals
 * would show as 0.00 gets more of them: neither the price of a call nor a small budget looks like nothing.
 */
export function formatCredits(nanoCredits: bigint, language: string, wanted = decimalsFor(nanoCredits)): string {
  const magnitude = nanoCredits < 0n ? -nanoCredits : nanoCredits;
  const decimals = magnitude > 0n && roundedTo(wanted, magnitude) === 0n ? decimalsFor(nanoCredits) : wanted;
  const rounded = roundedTo(decimals, magnitude);
  const whole = rounded / 10n ** BigInt(decimals);
  const digits = (rounded % 10n ** BigInt(decimals)).toString().padStart(decimals, "0");
  const sign = nanoCredits < 0n && rounded > 0n ? "−" : "";
  return `${sign}${new Intl.NumberFormat(language).format(whole)}${decimals > 0 ? `.${digits}` : ""}`;
}

/** Returns how many units of the last decimal are nearest to an amount. */
function roundedTo(decimals: number, magnitude: bigint): bigint {
  const scale = 10n ** BigInt(9 - decimals);
  return (magnitude + scale / 2n) / scale;
}

function decimalsFor(nanoCredits: bigint): number {
  const magnitude = nanoCredits < 0n ? -nanoCredits : nanoCredits;
  if (magnitude === 0n || magnitude >= nanoPerCredit / 10n) return 2;
  if (magnitude >= nanoPerCredit / 1000n) return 4;
  return magnitude >= 1000n ? 6 : 9;
}

/** Reads an amount that a person typed, such as `25`, `0.5` or `12,000,000`; undefined if it is none. */
export function parseCredits(text: string): bigint | undefined {
  const found = /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(ungrouped(text));
  if (found === null) return undefined;
  return BigInt(found[1] ?? "0") * nanoPerCredit + BigInt((found[2] ?? "").padEnd(9, "0"));
}

/** The share of `part` in `whole` in percent, between 0 and 100. */
export function percentOf(part: bigint, whole: bigint): number {
  if (whole <= 0n) return part > 0n ? 100 : 0;
  return Math.min(100, Math.max(0, Number((part * 10_000n) / whole) / 100));
}

export function toCredits(nanoCredits: bigint): number {
  return Number(nanoCredits) / 1e9;
}
