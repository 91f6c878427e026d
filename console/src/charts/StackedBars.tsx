import { Trans, useLingui } from "@lingui/react/macro";
import { Box, Button, Group, Table, Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { type KeyboardEvent, useState } from "react";

import { barsBetween, roundTicks } from "./scales";
import { type Series, labelled, stackBuckets } from "./stacking";

export interface Bucket {
  readonly label: string;
  readonly full: string;
}

interface StackedBarsProps {
  readonly title: string;
  readonly buckets: readonly Bucket[];
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  readonly height?: number;
  /** Opens what a bar, or one piece of it, stands for. */
  readonly onChoose?: (bucket: number, series: Series | undefined) => void;
}

const left = 52;
const bottom = 24;
const top = 8;

/**
 * Values by time, a bar for each bucket. One bar has the focus of the chart, and the arrow keys move it. A button shows the same as a
 * table.
 */
export function StackedBars({ title, buckets, series, format, height = 240, onChoose }: StackedBarsProps) {
  const [asTable, setAsTable] = useState(false);
  return (
    <Box>
      {asTable ? <AsTable title={title} buckets={buckets} series={series} format={format} /> : <Bars title={title} buckets={buckets} series={series} format={format} height={height} onChoose={onChoose} />}
      <Group justify="space-between" mt="sm" gap="sm">
        <Legend series={series} />
        <Button variant="subtle" size="compact-xs" fw={500} onClick={() => setAsTable(!asTable)}>{asTable ? <Trans>Show as chart</Trans> : <Trans>Show as table</Trans>}</Button>
      </Group>
    </Box>
  );
}

interface BarsProps extends Omit<StackedBarsProps, "height" | "onChoose"> {
  readonly height: number;
  readonly onChoose: StackedBarsProps["onChoose"];
}

function Bars({ title, buckets, series, format, height, onChoose }: BarsProps) {
  const { ref, width } = useElementSize();
  const { t } = useLingui();
  const [shown, setShown] = useState<number | undefined>(undefined);
  const [focus, setFocus] = useState(buckets.length - 1);
  const stacked = stackBuckets(series, buckets.length);
  const highest = Math.max(0, ...stacked.map((pieces) => pieces.at(-1)?.to ?? 0));
  const ticks = roundTicks(highest);
  const y = (value: number): number => height - bottom - (value / (ticks.at(-1) ?? 1)) * (height - bottom - top);
  const bars = barsBetween(left, Math.max(width, left + 1), buckets.length);
  const labels = labelled(buckets.length, width - left);
  const move = (event: KeyboardEvent): void => {
    if (event.key === "Enter") onChoose?.(focus, undefined);
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -buckets.length, End: buckets.length }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(buckets.length - 1, Math.max(0, focus + step));
    setFocus(next);
    event.currentTarget.querySelector<SVGElement>(`[data-bucket="${next}"]`)?.focus();
  };
  return (
    <Box ref={ref} pos="relative" onMouseLeave={() => setShown(undefined)}>
      <svg width={width} height={height} role="group" aria-label={t`${title}. The arrow keys move between bars.`} style={{ display: "block" }} onKeyDown={move}>
        {ticks.map((tick) => (
          <g key={tick}>
            <line x1={left} x2={width} y1={y(tick)} y2={y(tick)} stroke="var(--chart-grid)" />
            <text x={left - 8} y={y(tick)} dy="0.32em" textAnchor="end" fontSize="11" fill="var(--mantine-color-dimmed)" className="figures">{format(tick)}</text>
          </g>
        ))}
        {stacked.map((pieces, bucket) => {
          const from = bars.start(bucket);
          return (
            <g
              key={bucket} data-bucket={bucket} className="bar" data-quiet={shown !== undefined && shown !== bucket} role={onChoose === undefined ? "img" : "link"} tabIndex={bucket === focus ? 0 : -1}
              aria-label={describe(buckets[bucket], pieces, format)}
              onMouseEnter={() => setShown(bucket)} onFocus={() => { setShown(bucket); setFocus(bucket); }} onBlur={() => setShown(undefined)}
              {...(onChoose === undefined ? {} : { onClick: () => onChoose(bucket, undefined), style: { cursor: "pointer" } })}
            >
              <rect x={from - (bars.step - bars.width) / 2} y={top} width={bars.step} height={height - bottom - top} fill="transparent" />
              {pieces.map((piece) => (
                <rect key={piece.series.id} x={from} y={y(piece.to)} width={bars.width} height={Math.max(0, y(piece.from) - y(piece.to))} fill={piece.series.color} {...(onChoose === undefined ? {} : { onClick: (event) => { event.stopPropagation(); onChoose(bucket, piece.series); } })} />
              ))}
            </g>
          );
        })}
        <g aria-hidden="true">
          {[...labels].map((bucket) => {
            const isLast = bucket === buckets.length - 1 && buckets.length > 4;
            return (
              <text key={bucket} x={bars.start(bucket) + bars.width / (isLast ? 1 : 2)} y={height - 6} textAnchor={isLast ? "end" : "middle"} fontSize="11" fill="var(--mantine-color-dimmed)">
                {buckets[bucket]?.label}
              </text>
            );
          })}
        </g>
      </svg>
      {shown !== undefined && stacked[shown] !== undefined && (
        <Box
          aria-hidden className="surface" p="xs" pos="absolute" top={0} style={{ pointerEvents: "none", zIndex: 2, boxShadow: "0 6px 24px rgb(0 0 0 / 12%)", minWidth: 170, maxWidth: 280, ...besideBar(bars.start(shown) + bars.width / 2, width) }}
        >
          <Text size="xs" c="dimmed" mb={4}>{buckets[shown]?.full}</Text>
          {[...stacked[shown]].reverse().filter((piece) => piece.to > piece.from).map((piece) => (
            <Group key={piece.series.id} gap={6} wrap="nowrap" justify="space-between">
              <Group gap={6} wrap="nowrap" style={{ minWidth: 0 }}><Dot color={piece.series.color} /><Text size="xs" truncate>{piece.series.label}</Text></Group>
              <Text size="xs" fw={600} className="figures">{format(piece.to - piece.from)}</Text>
            </Group>
          ))}
          {series.length > 1 && <Text size="xs" fw={600} ta="right" mt={4} className="figures">{format(stacked[shown].at(-1)?.to ?? 0)}</Text>}
        </Box>
      )}
    </Box>
  );
}

function besideBar(center: number, width: number): { readonly left: number } | { readonly right: number } {
  return center < width / 2 ? { left: center + 16 } : { right: width - center + 16 };
}

function describe(bucket: Bucket | undefined, pieces: ReturnType<typeof stackBuckets>[number], format: (value: number) => string): string {
  const parts = pieces.filter((piece) => piece.to > piece.from).map((piece) => `${piece.series.label} ${format(piece.to - piece.from)}`);
  return `${bucket?.full ?? ""}: ${format(pieces.at(-1)?.to ?? 0)}${pieces.length > 1 && parts.length > 0 ? ` (${parts.join(", ")})` : ""}`;
}

function Dot({ color }: { readonly color: string }) {
  return <span style={{ width: 8, height: 8, borderRadius: 2, background: color, flex: "none" }} />;
}

function Legend({ series }: { readonly series: readonly Series[] }) {
  if (series.length < 2) return <span />;
  return (
    <Group gap="md" style={{ rowGap: 4 }}>
      {series.map((one) => (
        <Group key={one.id} gap={6} wrap="nowrap" maw={200}><Dot color={one.color} /><Text size="xs" truncate>{one.label}</Text></Group>
      ))}
    </Group>
  );
}

function AsTable({ title, buckets, series, format }: Omit<StackedBarsProps, "height" | "onChoose">) {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={title} style={{ maxHeight: 360, overflowY: "auto" }}>
      <Table verticalSpacing={6} aria-label={title}>
        <Table.Thead>
          <Table.Tr><Table.Th scope="col"><Trans>Time</Trans></Table.Th>{series.map((one) => <Table.Th key={one.id} scope="col" ta="right">{one.label}</Table.Th>)}</Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {buckets.map((bucket, index) => (
            <Table.Tr key={index}>
              <Table.Th scope="row">{bucket.full}</Table.Th>
              {series.map((one) => <Table.Td key={one.id} ta="right">{format(one.values[index] ?? 0)}</Table.Td>)}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}
