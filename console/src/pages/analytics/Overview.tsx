import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Analytics, type ModelUse, type UsageMeasures, type UsageSummary } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { SimpleGrid, Text } from "@mantine/core";

import { ShareBars } from "../../charts/ShareBars";
import { SpendChart } from "../../charts/SpendChart";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { granularityFor, useUsageQuestion } from "../../hooks/usage";
import { pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Amount } from "../../ui/Amount";
import { EmptyState } from "../../ui/EmptyState";
import { Figure } from "../../ui/Figure";
import { Surface } from "../../ui/Surface";
import { changePercent, formatCompact, formatCount, formatPercent } from "../../util/numbers";
import { formatCredits, percentOf } from "../../util/credits";

const mostModels = 8;

export function Overview() {
  const { account } = usePlace();
  const { dayCount, timeRange, usageFilter } = useUsageQuestion();
  const name = account.organization;
  const { data: summary } = useSuspenseQuery(Analytics.method.getUsageSummary, { name, timeRange, usageFilter });
  const { data: byTime } = useSuspenseQuery(Analytics.method.queryUsage, { name, timeRange, usageFilter, granularity: granularityFor(dayCount) });
  if (summary.total === undefined || summary.total.callCount === 0n) {
    return <Surface><EmptyState title={<Trans>No calls in this period</Trans>} step={<Trans>Choose a longer period, or make a first call with one of your keys.</Trans>} command="megarouter usage summary" /></Surface>;
  }
  return (
    <>
      <Totals total={summary.total} before={summary.previousTotal} />
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
        <Surface title={<Trans>Spend over time</Trans>} hint={<Trans>Credits</Trans>}><SpendChart answer={byTime} height={290} /></Surface>
        <Models summary={summary} />
      </SimpleGrid>
      <Averages summary={summary} />
    </>
  );
}

function Totals({ total, before }: { readonly total: UsageMeasures; readonly before: UsageMeasures | undefined }) {
  const language = useLanguage();
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }} spacing="lg" className="surface" p={20}>
      <Figure label={<Trans>Spent</Trans>} value={<Amount nanoCredits={total.chargeNanoCredits} decimals={2} />} note={<Change now={total.chargeNanoCredits} before={before?.chargeNanoCredits} />} />
      <Figure label={<Trans>Calls</Trans>} value={formatCount(total.callCount, language)} note={<Change now={total.callCount} before={before?.callCount} />} />
      <Figure label={<Trans>Tokens</Trans>} value={formatCompact(total.tokenCount, language)} note={<Change now={total.tokenCount} before={before?.tokenCount} />} />
      <Figure label={<Trans>Failed calls</Trans>} value={formatCount(total.voidedCallCount, language)} note={<Change now={total.voidedCallCount} before={before?.voidedCallCount} />} />
    </SimpleGrid>
  );
}

function Change({ now, before }: { readonly now: bigint; readonly before: bigint | undefined }) {
  const language = useLanguage();
  const change = before === undefined ? undefined : changePercent(now, before);
  if (change === undefined) return <Trans>Nothing to compare with</Trans>;
  const shown = `${change > 0 ? "▲" : change < 0 ? "▼" : "="} ${formatPercent(Math.abs(change), language, 1)}`;
  return <span className="figures"><Trans>{shown} vs. previous</Trans></span>;
}

function Averages({ summary }: { readonly summary: UsageSummary }) {
  const language = useLanguage();
  const averages = summary.averages;
  if (averages === undefined) return null;
  return (
    <Surface title={<Trans>Averages</Trans>} hint={<Trans>Members and service accounts with at least one call</Trans>}>
      <SimpleGrid cols={{ base: 2, md: 4 }} spacing="lg">
        <Figure label={<Trans>Active members</Trans>} value={formatCount(averages.activeMemberCount, language)} />
        <Figure label={<Trans>Tokens per member</Trans>} value={formatCompact(averages.tokenCountPerMember, language)} />
        <Figure label={<Trans>Spend per member</Trans>} value={<Amount nanoCredits={averages.chargeNanoCreditsPerMember} />} />
        <Figure label={<Trans>Cost of a call</Trans>} value={<Amount nanoCredits={averages.chargeNanoCreditsPerCall} />} />
      </SimpleGrid>
    </Surface>
  );
}

function Models({ summary }: { readonly summary: UsageSummary }) {
  const paths = pathsOf(usePlace().account.organization);
  const language = useLanguage();
  const { t } = useLingui();
  const { selection } = useUsageQuestion();
  const most = summary.models[0]?.total?.chargeNanoCredits ?? 0n;
  const label = (use: ModelUse) => {
    const model = use.model.replace(/^models\//, "");
    return use.isOther ? <Text span inherit>{t`Other models`}</Text> : <AppLink to={paths.calls} search={{ ...selection, model }} inherit>{model}</AppLink>;
  };
  return (
    <Surface title={<Trans>Models in use</Trans>} hint={<Trans>{formatCount(summary.modelCount, language)} models, by spend</Trans>} actions={<AppLink to={paths.models} search={selection}><Trans>By day</Trans></AppLink>}>
      <ShareBars
        shares={summary.models.slice(0, mostModels).map((use) => ({
          id: use.model || "other", label: label(use), value: formatCredits(use.total?.chargeNanoCredits ?? 0n, language),
          note: formatPercent(use.chargeShareBasisPoints / 100, language, 1), percent: percentOf(use.total?.chargeNanoCredits ?? 0n, most),
        }))}
      />
    </Surface>
  );
}
