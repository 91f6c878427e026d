/** Where the bars of a chart are, and how wide. */
export interface Bars {
  readonly step: number;
  readonly width: number;
  readonly start: (index: number) => number;
}

const gapShare = 0.24;

/** Divides the pixels from `from` to `to` among `count` bars, with a gap before, between and after them. */
export function barsBetween(from: number, to: number, count: number): Bars {
  const step = (to - from) / Math.max(count + gapShare, 1);
  return { step, width: step * (1 - gapShare), start: (index) => from + step * (index + gapShare) };
}

const stepsWanted = 4;

/** Returns round values from 0 to the first that is not below `highest`: about four steps of 1, 2 or 5 times a power of ten. */
export function roundTicks(highest: number): readonly number[] {
  const rough = (highest > 0 ? highest : 1) / stepsWanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((one) => one * power >= rough * 0.7) ?? 10;
  const count = Math.ceil((highest > 0 ? highest : 1) / (factor * power) - 1e-9);
  // Multiplying whole numbers avoids sums such as 0.30000000000000004.
  return Array.from({ length: count + 1 }, (_, index) => (power >= 1 ? index * factor * power : (index * factor) / Math.round(1 / power)));
}
