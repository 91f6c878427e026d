export function formatCount(count: bigint | number, language: string): string {
  return new Intl.NumberFormat(language).format(count);
}

/** Formats a large count in a few characters: 1.2M. */
export function formatCompact(count: bigint | number, language: string): string {
  return new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 }).format(count);
}

/** Formats a size in the unit that suits it: 1.2 MB. */
export function formatBytes(bytes: bigint, language: string): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(Number(bytes), 1)) / 3));
  const format = new Intl.NumberFormat(language, { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: 1 });
  return format.format(Number(bytes) / 1000 ** step);
}

export function formatPercent(percent: number, language: string, decimals = 0): string {
  return new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(percent / 100);
}

/** How much `now` differs from `before` in percent; undefined if there is nothing to compare with. */
export function changePercent(now: bigint, before: bigint): number | undefined {
  return before === 0n ? undefined : Number(((now - before) * 1000n) / before) / 10;
}

export function formatMilliseconds(milliseconds: bigint, language: string): string {
  if (milliseconds < 1000n) return `${formatCount(milliseconds, language)} ms`;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: 2 }).format(Number(milliseconds) / 1000)} s`;
}

/**
 * Takes the separators of thousands out of a number that a person typed or pasted, as English and Chinese write them: a comma, of either
 * width, or a space. They stay where no thousands are, because `1,5` may mean one and a half.
 */
export function ungrouped(text: string): string {
  const trimmed = text.trim();
  return /^\d{1,3}(?:[,，\s_]\d{3})+(?:\.\d*)?$/.test(trimmed) ? trimmed.replaceAll(/[,，\s_]/g, "") : trimmed;
}
