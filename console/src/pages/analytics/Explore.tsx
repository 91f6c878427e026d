import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Analytics, type UsageGroup, UsageTree } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { bucketsOf, daysOfBucket, seriesOf } from "../../charts/answers";
import { StackedBars } from "../../charts/StackedBars";
import type { Series } from "../../charts/stacking";
import { Part } from "../../components/Part";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { granularityFor, useUsageQuestion } from "../../hooks/usage";
import { useValueLabel } from "../../hooks/values";
import { pathsOf } from "../../paths";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { formatCompact } from "../../util/numbers";
import { ExploreControls } from "./ExploreControls";
import { ExploreTable } from "./ExploreTable";
import { divisionOf, granularities, measures, selectionOfGroup } from "./exploring";
import { GranularityName } from "./Models";

const mostSeries = 6;

/** Usage divided as a person likes, by time and as a list. A click leads to the calls. */
export function Explore() {
  return (
    <>
      <ExploreControls />
      <Part height={420}><Answer /></Part>
    </>
  );
}

function Answer() {
  const { account } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const navigate = useNavigate();
  const labelOf = useValueLabel();
  const { by = "model", then, metric = "charge", every, tree } = useSearch({ from: "/organizations/$organization/analytics/explore" });
  const { selection, timeRange, usageFilter, dayCount } = useUsageQuestion();
  const { divisions, groupBy, groupByTags } = divisionOf(by, then);
  const granularity = every === undefined ? granularityFor(dayCount) : granularities[every];
  const question = {
    name: account.organization, timeRange, usageFilter, groupBy, groupByTags, metric: measures[metric].metric,
    tree: tree === "now" ? UsageTree.AS_IT_IS : UsageTree.AS_IT_WAS,
  };
  const { data } = useSuspenseQuery(Analytics.method.queryUsage, { ...question, granularity, limit: mostSeries });
  const { calls } = pathsOf(account.organization);
  const choose = (bucket: number, series: Series | undefined): void => {
    const group = series === undefined ? undefined : data.groups[Number(series.id)];
    const chosen = group === undefined ? selection : (selectionOfGroup(selection, divisions, group) ?? selection);
    void navigate({ to: calls, search: { ...chosen, period: undefined, ...daysOfBucket(data, bucket) } as never });
  };
  if (data.total === undefined || data.total.callCount + data.total.voidedCallCount === 0n) {
    return <Surface><EmptyState title={<Trans>No calls in this period</Trans>} step={<Trans>Choose a longer period or remove a filter.</Trans>} command="megarouter usage show --by model" /></Surface>;
  }
  const format = (value: number): string =>
    metric === "charge" ? new Intl.NumberFormat(language, { maximumSignificantDigits: 3 }).format(value) : formatCompact(value, language);
  const nameOf = (group: UsageGroup): string => group.values.map((value, index) => labelOf(value, divisions[index])).join(" · ");
  return (
    <>
      <Surface title={<Trans>Over time</Trans>} hint={<GranularityName of={granularity} />}>
        <StackedBars title={t`Over time`} buckets={bucketsOf(data, language)} series={seriesOf(data.groups, t`All others`, measures[metric].of, nameOf)} format={format} height={320} onChoose={choose} />
      </Surface>
      <Part height={300}><ExploreTable question={question} divisions={divisions} selection={selection} /></Part>
    </>
  );
}
