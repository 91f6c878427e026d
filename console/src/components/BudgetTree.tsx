import { useSuspenseQuery } from "@connectrpc/connect-query";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Analytics, type Group as GroupOf, GroupView, Groups, UsageDimension, UsageTree } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Box, Group, Stack, Text } from "@mantine/core";

import { usePlace } from "../hooks/account";
import { useLanguage } from "../hooks/language";
import { useNow } from "../hooks/now";
import { pathOf, pathsOf } from "../paths";
import { AppLink } from "../ui/AppLink";
import { EmptyState } from "../ui/EmptyState";
import { Meter } from "../ui/Meter";
import { formatCredits } from "../util/credits";
import { spendWithBelow } from "../util/spend";
import { startOfMonth } from "../util/times";
import { asTree } from "../util/tree";

const mostShown = 200;
const mostGroups = 1000;
const indentPx = 18;
/** Shows that there is more, because the scroll bars of phones and of some desktops are hidden until somebody scrolls. */
const fading = { paddingBottom: 28, maskImage: "linear-gradient(to bottom, #000 calc(100% - 28px), transparent)" } as const;

/** What the groups that the person sees spent this month, and how much of their budgets is used. */
export function BudgetTree({ heightPx }: { readonly heightPx?: number }) {
  const { account, organization } = usePlace();
  const parent = account.organization;
  const start = startOfMonth(useNow(), organization.timeZone);
  const { data } = useSuspenseQuery(Groups.method.listGroups, { parent, pageSize: mostGroups, view: GroupView.FULL });
  const { data: top } = useSuspenseQuery(Analytics.method.listTopConsumers, {
    parent, pageSize: mostGroups, dimension: UsageDimension.GROUP, tree: UsageTree.AS_IT_IS, timeRange: { startTime: timestampFromDate(start) },
  });
  if (data.groups.length === 0) return <EmptyState title={<Trans>No groups yet</Trans>} step={<Trans>Groups give teams a budget of their own.</Trans>} action={<AppLink to={pathsOf(parent).groups}><Trans>Create a group</Trans></AppLink>} command="megarouter groups create Engineering" />;
  // Groups of further pages count toward those above them, so no sum is known then.
  const spend = data.nextPageToken === "" ? spendWithBelow(data.groups, top.topConsumers) : new Map<string, bigint>();
  return (
    <Stack gap={10} style={heightPx === undefined ? undefined : { ...fading, maxHeight: heightPx, overflowY: "auto" }} tabIndex={heightPx === undefined ? undefined : 0} role="list">
      {asTree(data.groups).slice(0, mostShown).map(({ group, depth }) => <Row key={group.name} group={group} depth={depth} spend={spend.get(group.name)} />)}
      {(data.nextPageToken !== "" || data.groups.length > mostShown) && <Text size="sm" c="dimmed"><Trans>The first {mostShown} groups are shown.</Trans></Text>}
    </Stack>
  );
}

function Row({ group, depth, spend }: { readonly group: GroupOf; readonly depth: number; readonly spend: bigint | undefined }) {
  const { t } = useLingui();
  const language = useLanguage();
  const budget = group.budgetNanoCredits === undefined ? undefined : group.budgetNanoCredits + group.carriedNanoCredits;
  return (
    <Box role="listitem" pl={depth * indentPx} pr={4}>
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <AppLink to={pathOf(group.name)} fw={depth === 0 ? 600 : 400} className="cut">{group.displayName}</AppLink>
        {!group.figuresHidden && spend !== undefined && <Text size="sm" className="figures" style={{ whiteSpace: "nowrap" }}>{formatCredits(spend, language, 2)}</Text>}
      </Group>
      {budget !== undefined && !group.figuresHidden && (
        <Group gap="sm" wrap="nowrap" mt={4}>
          <Box style={{ flex: 1 }}><Meter used={group.spentNanoCredits} limit={budget} label={t`Budget of ${group.displayName}`} height={4} /></Box>
          <Text size="xs" c="dimmed" className="figures" style={{ whiteSpace: "nowrap" }}><Trans>{formatCredits(group.spentNanoCredits, language, 2)} of {formatCredits(budget, language, 2)} used</Trans></Text>
        </Group>
      )}
    </Box>
  );
}
