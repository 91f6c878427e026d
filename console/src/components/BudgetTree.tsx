import { useSuspenseQuery } from "@connectrpc/connect-query";
import { GroupView, Groups } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";
import { Box, Group, Stack, Text } from "@mantine/core";

import { usePlace } from "../hooks/account";
import { useLanguage } from "../hooks/language";
import { pathOf } from "../paths";
import { AppLink } from "../ui/AppLink";
import { EmptyState } from "../ui/EmptyState";
import { Meter } from "../ui/Meter";
import { formatCredits } from "../util/credits";
import { asTree } from "../util/tree";

const mostShown = 200;
const indentPx = 18;

/** The groups that the person sees, with spend and budget. */
export function BudgetTree({ heightPx }: { readonly heightPx?: number }) {
  const parent = usePlace().account.organization;
  const language = useLanguage();
  const { data } = useSuspenseQuery(Groups.method.listGroups, { parent, pageSize: mostShown, view: GroupView.FULL });
  if (data.groups.length === 0) return <EmptyState title={<Trans>No groups yet</Trans>} step={<Trans>Groups give teams a budget of their own.</Trans>} command="megarouter groups create Engineering" />;
  return (
    <Stack gap={10} style={heightPx === undefined ? undefined : { maxHeight: heightPx, overflowY: "auto" }} tabIndex={heightPx === undefined ? undefined : 0} role="list">
      {asTree(data.groups).map(({ group, depth }) => {
        const budget = group.budgetNanoCredits === undefined ? undefined : group.budgetNanoCredits + group.carriedNanoCredits;
        return (
          <Box key={group.name} role="listitem" pl={depth * indentPx} pr={4}>
            <Group justify="space-between" wrap="nowrap" gap="sm">
              <AppLink to={pathOf(group.name)} fw={depth === 0 ? 600 : 400} className="cut">{group.displayName}</AppLink>
              {!group.figuresHidden && (
                <Text size="sm" className="figures" style={{ whiteSpace: "nowrap" }}>
                  {formatCredits(group.spentNanoCredits, language, 2)}
                  <Text span c="dimmed" size="sm">{budget === undefined ? <> <Trans>in total</Trans></> : ` / ${formatCredits(budget, language, 2)}`}</Text>
                </Text>
              )}
            </Group>
            {budget !== undefined && !group.figuresHidden && <Box mt={4}><Meter used={group.spentNanoCredits} limit={budget} label={group.displayName} height={4} /></Box>}
          </Box>
        );
      })}
      {data.nextPageToken !== "" && <Text size="sm" c="dimmed"><Trans>The first {mostShown} groups are shown.</Trans></Text>}
    </Stack>
  );
}
