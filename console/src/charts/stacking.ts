export interface Series {
  readonly id: string;
  readonly label: string;
  readonly color: string;
  readonly values: readonly number[];
}

/** A piece of a bar: from and to, in the chart's unit. */
export interface Piece {
  readonly series: Series;
  readonly from: number;
  readonly to: number;
}

/** Stacks the series of each bucket, the first series at the bottom. */
export function stackBuckets(series: readonly Series[], bucketCount: number): readonly (readonly Piece[])[] {
  return Array.from({ length: bucketCount }, (_, bucket) => {
    let to = 0;
    return series.map((one) => ({ series: one, from: to, to: (to += one.values[bucket] ?? 0) }));
  });
}

/** Which buckets get a label, so that labels do not meet: the last one and every n-th before it. */
export function labelled(bucketCount: number, widthPx: number, labelPx = 84): ReadonlySet<number> {
  const every = Math.max(1, Math.ceil((bucketCount * labelPx) / Math.max(widthPx, 1)));
  return new Set(Array.from({ length: bucketCount }, (_, index) => index).filter((index) => (bucketCount - 1 - index) % every === 0));
}
