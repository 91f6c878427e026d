import type { InvoiceRequest } from "@megarouter/admin";

const nanosPerUnit = 1_000_000_000n;

/** Formats an amount of money exactly, with the currency's own decimals. */
export function formatMoney(money: InvoiceRequest["amount"], language: string): string {
  if (money === undefined) return "";
  const text = `${money.units}.${String(money.nanos).padStart(9, "0")}` as `${number}`;
  return new Intl.NumberFormat(language, { style: "currency", currency: money.currencyCode, currencyDisplay: "code" }).format(text as unknown as number);
}

/** Makes money of an amount in billionths of a unit. */
export function moneyOf(nanos: bigint, currencyCode: string): { readonly currencyCode: string; readonly units: bigint; readonly nanos: number } {
  return { currencyCode, units: nanos / nanosPerUnit, nanos: Number(nanos % nanosPerUnit) };
}
