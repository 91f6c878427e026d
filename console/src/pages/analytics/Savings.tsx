import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type HoldoutEstimate, type QualityMeasure, RoutingPolicies, type RoutingSavings } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, SimpleGrid, Text } from "@mantine/core";

import { ShareBars } from "../../charts/ShareBars";
import { useParent } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useSelection, useUsageQuestion } from "../../hooks/usage";
import { type Column, DataTable } from "../../table/DataTable";
import { Amount } from "../../ui/Amount";
import { EmptyState } from "../../ui/EmptyState";
import { Figure } from "../../ui/Figure";
import { Surface } from "../../ui/Surface";
import { formatCredits, percentOf } from "../../util/credits";
import { formatCount, formatPercent } from "../../util/numbers";
import { narrowings } from "../../util/selection";

/** What routing saved, by the calls themselves and by comparison with conversations held out. */
export function Savings() {
  const { timeRange } = useUsageQuestion();
  const selection = useSelection();
  const { data } = useSuspenseQuery(RoutingPolicies.method.queryRoutingSavings, { name: useParent(), timeRange });
  const isNarrowed = narrowings.some((name) => selection[name] !== undefined);
  const live = data.overall?.callCount ?? 0n;
  const shadow = data.shadow?.callCount ?? 0n;
  if (live + shadow + (data.overall?.unknownCallCount ?? 0n) === 0n) {
    return <Surface><EmptyState title={<Trans>No call was routed in this period</Trans>} step={<Trans>Call a virtual model, and set the mode of routing to live to save, or to shadow to see what it would save.</Trans>} command="megarouter routing savings" /></Surface>;
  }
  return (
    <>
      {isNarrowed && <Alert color="gray" variant="light"><Trans>Savings are those of all calls that you see. Filters do not narrow them, only the period does.</Trans></Alert>}
      <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="lg" className="surface" p={20}>
        <Saved label={<Trans>Overall</Trans>} savings={data.overall} />
        <Saved label={<Trans>Simple calls</Trans>} savings={data.simple} note={<Trans>A cheaper model was good enough</Trans>} />
        <Saved label={<Trans>Complex calls</Trans>} savings={data.complex} note={<Trans>The best model was needed</Trans>} />
      </SimpleGrid>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
        <Surface title={<Trans>Cost and baseline</Trans>} hint={<Trans>Credits, for the same tokens</Trans>}><Costs savings={data.overall} /></Surface>
        <Surface title={<Trans>By comparison</Trans>} hint={<Trans>Routed conversations against those that the baseline served</Trans>}><Holdout holdout={data.holdout} /></Surface>
      </SimpleGrid>
      {shadow > 0n && (
        <Surface title={<Trans>In shadow mode</Trans>} hint={<Trans>What these calls would have saved</Trans>}>
          <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="lg"><Saved label={<Trans>Would have saved</Trans>} savings={data.shadow} /></SimpleGrid>
        </Surface>
      )}
      {data.quality.length > 0 && <Quality measures={data.quality} />}
    </>
  );
}

function Saved({ label, savings, note }: { readonly label: React.ReactNode; readonly savings: RoutingSavings | undefined; readonly note?: React.ReactNode }) {
  const language = useLanguage();
  const saved = savings?.savedNanoCredits ?? 0n;
  const baseline = savings?.baselineNanoCredits ?? 0n;
  const calls = formatCount(savings?.callCount ?? 0n, language);
  const unknown = savings?.unknownCallCount ?? 0n;
  return (
    <Figure
      label={label} value={baseline === 0n ? "—" : <><Amount nanoCredits={saved} decimals={2} /> <Text span size="sm" c={saved >= 0n ? "teal" : "red"}>{formatPercent(Number((saved * 1000n) / baseline) / 10, language, 1)}</Text></>}
      note={<><Trans>{calls} calls</Trans>{unknown > 0n && <> · <Trans>{formatCount(unknown, language)} without a price</Trans></>}{note !== undefined && <Text size="xs" c="dimmed">{note}</Text>}</>}
    />
  );
}

function Costs({ savings }: { readonly savings: RoutingSavings | undefined }) {
  const { t } = useLingui();
  const language = useLanguage();
  const baseline = savings?.baselineNanoCredits ?? 0n;
  const cost = baseline - (savings?.savedNanoCredits ?? 0n);
  const most = baseline > cost ? baseline : cost;
  return (
    <ShareBars
      shares={[
        { id: "baseline", label: t`With the baseline`, value: formatCredits(baseline, language, 2), percent: percentOf(baseline, most) },
        { id: "cost", label: t`As routed`, value: formatCredits(cost, language, 2), percent: percentOf(cost, most) },
      ]}
    />
  );
}

function Holdout({ holdout }: { readonly holdout: HoldoutEstimate | undefined }) {
  const language = useLanguage();
  const { savedBasisPoints: saved, savedBasisPointsLow: low, savedBasisPointsHigh: high, outputBasisPoints: output } = holdout ?? {};
  const routed = formatCount(holdout?.routedSessionCount ?? 0n, language);
  const held = formatCount(holdout?.heldOutSessionCount ?? 0n, language);
  const sessions = <Trans>{routed} routed conversations, {held} held out</Trans>;
  if (saved === undefined) return <Figure label={<Trans>Saved</Trans>} value="—" note={<>{sessions}. <Trans>Too few to compare.</Trans></>} />;
  const percent = (points: number): string => formatPercent(points / 100, language, 1);
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="lg">
      <Figure
        label={<Trans>Saved in a conversation</Trans>} value={percent(saved)}
        note={<>{low !== undefined && high !== undefined && <><Trans>{percent(low)} to {percent(high)} in 95 of 100 cases</Trans>. </>}{sessions}</>}
      />
      {output !== undefined && <Figure label={<Trans>Length of answers</Trans>} value={percent(output)} note={<Trans>of those of the baseline</Trans>} />}
    </SimpleGrid>
  );
}

function Quality({ measures }: { readonly measures: readonly QualityMeasure[] }) {
  const { t } = useLingui();
  const language = useLanguage();
  const share = (bad: bigint, all: bigint): string => (all === 0n ? "—" : formatPercent(Number((bad * 10_000n) / all) / 100, language, 1));
  const points = (value: number | undefined): string => (value === undefined ? "—" : `${value > 0 ? "+" : ""}${formatPercent(value / 100, language, 1)}`);
  const columns: readonly Column<QualityMeasure>[] = [
    { id: "what", header: <Trans>What went wrong</Trans>, cell: (one) => one.name.replaceAll("_", " ") },
    { id: "routed", header: <Trans>Routed</Trans>, cell: (one) => share(one.routedBadSessionCount, one.routedSessionCount), align: "right" },
    { id: "held", header: <Trans>Held out</Trans>, cell: (one) => share(one.heldOutBadSessionCount, one.heldOutSessionCount), align: "right" },
    { id: "difference", header: <Trans>Difference</Trans>, cell: (one) => points(one.differenceBasisPoints), align: "right", shown: "wide" },
    { id: "band", header: <Trans>In 95 of 100 cases</Trans>, cell: (one) => `${points(one.differenceBasisPointsLow)} … ${points(one.differenceBasisPointsHigh)}`, align: "right", shown: "very-wide" },
  ];
  return <Surface flush title={<Trans>Quality</Trans>} hint={<Trans>How often something went wrong in conversations</Trans>}><DataTable caption={t`Quality`} columns={columns} rows={measures} keyOf={(one) => one.name} /></Surface>;
}
