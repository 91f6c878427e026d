import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Analytics, UsageDimension, UsageGranularity, UsageMetric, type UsagePoint } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { SegmentedControl } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { bucketsOf, seriesOf } from "../../charts/answers";
import { StackedBars } from "../../charts/StackedBars";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { type UsageQuestion, granularityFor, useUsageQuestion } from "../../hooks/usage";
import { pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { formatCredits, toCredits } from "../../util/credits";
import { formatCompact, formatCount } from "../../util/numbers";

const mostModels = 6;
export type Metric = "charge" | "tokens" | "calls";

export const metricValues: Record<Metric, { readonly metric: UsageMetric; readonly of: (point: UsagePoint) => number }> = {
  charge: { metric: UsageMetric.CHARGE, of: (point) => toCredits(point.chargeNanoCredits) },
  tokens: { metric: UsageMetric.TOKENS, of: (point) => Number(point.inputTokenCount + point.outputTokenCount) },
  calls: { metric: UsageMetric.CALLS, of: (point) => Number(point.callCount) },
};

/** The daily use of the largest models, and all of them as a list. */
export function Models() {
  const { account } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const question = useUsageQuestion();
  const { metric = "charge" } = useSearch({ from: "/organizations/$organization/analytics/models" });
  const navigate = useNavigate({ from: "/organizations/$organization/analytics/models" });
  const granularity = granularityFor(question.dayCount);
  const { data } = useSuspenseQuery(Analytics.method.queryUsage, {
    name: account.organization, timeRange: question.timeRange, usageFilter: question.usageFilter, groupBy: [UsageDimension.MODEL],
    granularity, metric: metricValues[metric].metric, limit: mostModels,
  });
  if (data.total === undefined || data.total.callCount === 0n) {
    return <Surface><EmptyState title={<Trans>No calls in this period</Trans>} step={<Trans>Choose a longer period.</Trans>} command="megarouter usage top --by model" /></Surface>;
  }
  const format = (value: number): string =>
    metric === "charge" ? new Intl.NumberFormat(language, { maximumSignificantDigits: 3 }).format(value) : formatCompact(value, language);
  return (
    <>
      <Surface
        title={<Trans>Models over time</Trans>} hint={<GranularityName of={granularity} />}
        actions={<MetricChoice value={metric} onChange={(chosen) => void navigate({ to: ".", search: (now) => ({ ...now, metric: chosen }) })} />}
      >
        <StackedBars title={t`Models over time`} buckets={bucketsOf(data, language)} series={seriesOf(data.groups, t`Other models`, metricValues[metric].of)} format={format} height={320} />
      </Surface>
      <All question={question} />
    </>
  );
}

export function GranularityName({ of }: { readonly of: UsageGranularity }) {
  switch (of) {
    case UsageGranularity.HOUR:
      return <Trans>By hour</Trans>;
    case UsageGranularity.WEEK:
      return <Trans>By week</Trans>;
    case UsageGranularity.MONTH:
      return <Trans>By month</Trans>;
    default:
      return <Trans>By day</Trans>;
  }
}

export function MetricChoice({ value, onChange }: { readonly value: Metric; readonly onChange: (metric: Metric) => void }) {
  const { t } = useLingui();
  return (
    <SegmentedControl
      size="xs" aria-label={t`What is measured`} value={value} onChange={(chosen) => onChange(chosen as Metric)}
      data={[{ value: "charge", label: t`Spend` }, { value: "tokens", label: t`Tokens` }, { value: "calls", label: t`Calls` }]}
    />
  );
}

interface Row {
  readonly model: string;
  readonly calls: bigint;
  readonly tokens: bigint;
  readonly charge: bigint;
}

function All({ question }: { readonly question: UsageQuestion }) {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  const language = useLanguage();
  const { data } = useSuspenseQuery(Analytics.method.getUsageSummary, { name: account.organization, timeRange: question.timeRange, usageFilter: question.usageFilter });
  const rows = data.models.map((use) => ({
    model: use.model.replace(/^models\//, ""), calls: use.total?.callCount ?? 0n, tokens: use.total?.tokenCount ?? 0n, charge: use.total?.chargeNanoCredits ?? 0n,
  }));
  const columns: readonly Column<Row>[] = [
    {
      id: "model", header: <Trans>Model</Trans>,
      cell: (row) => (row.model === "" ? t`Other models` : <AppLink to={paths.calls} search={{ ...question.selection, model: row.model }}>{row.model}</AppLink>),
    },
    { id: "calls", header: <Trans>Calls</Trans>, cell: (row) => formatCount(row.calls, language), align: "right" },
    { id: "tokens", header: <Trans>Tokens</Trans>, cell: (row) => formatCount(row.tokens, language), align: "right", shown: "wide" },
    { id: "spend", header: <Trans>Spend</Trans>, cell: (row) => formatCredits(row.charge, language), align: "right" },
  ];
  return <Surface flush title={<Trans>All models</Trans>}><DataTable caption={t`All models`} columns={columns} rows={rows} keyOf={(row) => row.model} /></Surface>;
}
