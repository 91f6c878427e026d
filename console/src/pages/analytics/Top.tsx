import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Analytics, type TopConsumer, UsageDimension } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Group, SegmentedControl } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useUsageQuestion } from "../../hooks/usage";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { formatCredits } from "../../util/credits";
import { changePercent, formatCompact, formatCount, formatPercent } from "../../util/numbers";
import { MetricChoice, metricValues } from "./Models";

type Of = "members" | "keys" | "groups" | "models";

const dimensions: Record<Of, UsageDimension> = {
  members: UsageDimension.MEMBER, keys: UsageDimension.API_KEY, groups: UsageDimension.GROUP, models: UsageDimension.MODEL,
};

/** Who or what used most. */
export function Top() {
  const { account } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const question = useUsageQuestion();
  const { metric = "charge", of = "members" } = useSearch({ from: "/organizations/$organization/analytics/top" });
  const navigate = useNavigate({ from: "/organizations/$organization/analytics/top" });
  const asked = {
    parent: account.organization, timeRange: question.timeRange, usageFilter: question.usageFilter, dimension: dimensions[of],
    metric: metricValues[metric].metric, compareWithPrevious: true,
  };
  const { data } = useSuspenseQuery(Analytics.method.listTopConsumers, { ...asked, pageSize: 20 });
  const ranks = new Map(data.topConsumers.map((one, index) => [one, index + 1]));
  const columns: readonly Column<TopConsumer>[] = [
    { id: "rank", header: "#", cell: (one) => ranks.get(one) },
    { id: "who", header: <Trans>Name</Trans>, cell: (one) => <Consumer one={one} of={of} /> },
    { id: "calls", header: <Trans>Calls</Trans>, cell: (one) => formatCount(one.total?.callCount ?? 0n, language), align: "right", shown: "wide" },
    { id: "tokens", header: <Trans>Tokens</Trans>, cell: (one) => formatCompact(one.total?.tokenCount ?? 0n, language), align: "right", shown: "wide" },
    { id: "spend", header: <Trans>Spend</Trans>, cell: (one) => formatCredits(one.total?.chargeNanoCredits ?? 0n, language), align: "right" },
    { id: "share", header: <Trans>Share</Trans>, cell: (one) => formatPercent(one.chargeShareBasisPoints / 100, language, 1), align: "right" },
    { id: "change", header: <Trans>Difference</Trans>, cell: (one) => changeOf(one, language), align: "right", shown: "very-wide" },
  ];
  return (
    <Surface
      flush title={<Trans>Top 20</Trans>} hint={of === "groups" ? <Trans>of {formatCount(data.consumerCount, language)}, each with the calls of its own members only. A report counts the groups below too.</Trans> : <Trans>of {formatCount(data.consumerCount, language)}</Trans>}
      actions={
        <Group gap="sm">
          <SegmentedControl
            size="xs" aria-label={t`Who or what`} value={of} onChange={(chosen) => void navigate({ to: ".", search: (now) => ({ ...now, of: chosen as Of }) })}
            data={[{ value: "members", label: t`Members` }, { value: "keys", label: t`Keys` }, { value: "groups", label: t`Groups` }, { value: "models", label: t`Models` }]}
          />
          <MetricChoice value={metric} onChange={(chosen) => void navigate({ to: ".", search: (now) => ({ ...now, metric: chosen }) })} />
          <ListCsv file="top" days={question.days} method={Analytics.method.listTopConsumers} request={asked} />
        </Group>
      }
    >
      {data.topConsumers.length === 0 ? (
        <EmptyState title={<Trans>No calls in this period</Trans>} step={<Trans>Choose a longer period.</Trans>} command="megarouter usage top" />
      ) : (
        <DataTable caption={t`Top 20`} columns={columns} rows={data.topConsumers} keyOf={(one) => one.consumer?.value ?? ""} />
      )}
    </Surface>
  );
}

function Consumer({ one, of }: { readonly one: TopConsumer; readonly of: Of }) {
  const paths = pathsOf(usePlace().account.organization);
  const { selection } = useUsageQuestion();
  const name = one.consumer?.value ?? "";
  if (name === "") return <Trans>Without a group</Trans>;
  if (of === "models") return <AppLink to={paths.calls} search={{ ...selection, model: idOf(name) }}>{name.replace(/^models\//, "")}</AppLink>;
  if (name.includes("/serviceAccounts/")) return <>{one.consumer?.displayName || idOf(name)}</>;
  return <AppLink to={pathOf(name)} className="cut">{one.consumer?.displayName || idOf(name)}</AppLink>;
}

function changeOf(one: TopConsumer, language: string): string {
  const change = changePercent(one.total?.chargeNanoCredits ?? 0n, one.previousTotal?.chargeNanoCredits ?? 0n);
  return change === undefined ? "—" : `${change > 0 ? "+" : ""}${formatPercent(change, language)}`;
}
