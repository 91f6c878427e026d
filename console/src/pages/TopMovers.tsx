import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Analytics, UsageDimension } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";
import { Group, SimpleGrid, Text } from "@mantine/core";

import { idOf } from "../api/names";
import { usePlace } from "../hooks/account";
import { useLanguage } from "../hooks/language";
import { useNow } from "../hooks/now";
import { pathOf } from "../paths";
import { AppLink } from "../ui/AppLink";
import { EmptyState } from "../ui/EmptyState";
import { formatCredits } from "../util/credits";
import { changePercent, formatPercent } from "../util/numbers";
import { startOf } from "../util/times";

/** Who spent much more or less than in the week before. */
export function TopMovers() {
  const { account, organization } = usePlace();
  const language = useLanguage();
  const now = useNow();
  const { data } = useSuspenseQuery(Analytics.method.listTopConsumers, {
    parent: account.organization, pageSize: 50, dimension: UsageDimension.MEMBER, timeRange: { startTime: startOf("7d", now, organization.timeZone) }, compareWithPrevious: true,
  });
  const moved = data.topConsumers
    .map((one) => ({ one, difference: (one.total?.chargeNanoCredits ?? 0n) - (one.previousTotal?.chargeNanoCredits ?? 0n) }))
    .sort((a, b) => Number(absolute(b.difference) - absolute(a.difference)))
    .slice(0, 6);
  if (moved.length === 0) return <EmptyState title={<Trans>No calls in the last 7 days</Trans>} step={<Trans>Who spends more or less than the week before is here.</Trans>} command="megarouter usage top" />;
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} spacing="md">
      {moved.map(({ one, difference }) => {
        const change = changePercent(one.total?.chargeNanoCredits ?? 0n, one.previousTotal?.chargeNanoCredits ?? 0n);
        const name = one.consumer?.value ?? "";
        return (
          <Group key={name} justify="space-between" wrap="nowrap" gap="sm">
            <AppLink to={pathOf(name)} className="cut">{one.consumer?.displayName || idOf(name)}</AppLink>
            <Text size="sm" className="figures" style={{ whiteSpace: "nowrap" }} c={difference > 0n ? undefined : "dimmed"}>
              {difference > 0n ? "▲" : "▼"} {formatCredits(absolute(difference), language)}
              {change !== undefined && ` (${formatPercent(Math.abs(change), language)})`}
            </Text>
          </Group>
        );
      })}
    </SimpleGrid>
  );
}

function absolute(amount: bigint): bigint {
  return amount < 0n ? -amount : amount;
}
