import { stack } from "d3-shape";

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
  const layers = stack<number, Series>().keys(series).value((bucket, one) => one.values[bucket] ?? 0)(Array.from({ length: bucketCount }, (_, index) => index));
  return Array.from({ length: bucketCount }, (_, bucket) =>
    layers.map((layer) => ({ series: layer.key, from: layer[bucket]?.[0] ?? 0, to: layer[bucket]?.[1] ?? 0 })),
  );
}

/** Which buckets get a label, so that labels do not meet: the last one and every n-th before it. */
export function labelled(bucketCount: number, widthPx: number, labelPx = 84): ReadonlySet<number> {
  const every = Math.max(1, Math.ceil((bucketCount * labelPx) / Math.max(widthPx, 1)));
  return new Set(Array.from({ length: bucketCount }, (_, index) => index).filter((index) => (bucketCount - 1 - index) % every === 0));
}
