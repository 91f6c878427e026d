import { useSuspenseQueries } from "@tanstack/react-query";
import { createQueryOptions, useTransport } from "@connectrpc/connect-query";
import { type Group, GroupView, Groups, Members } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";
import { List, SimpleGrid, Stack, Text } from "@mantine/core";

import { useParent } from "../hooks/account";
import { useLanguage } from "../hooks/language";
import { formatCredits } from "../util/credits";

const mostNamed = 20;
const admins = "role = ROLE_L1_ADMIN OR role = ROLE_SUB_ADMIN";

/** What a move does: which budgets and guardrails begin and cease to apply, and which admins begin and cease to see it. */
export function MovePreview({ from, to }: { readonly from: readonly string[]; readonly to: readonly string[] }) {
  const left = from.filter((group) => !to.includes(group));
  const joined = to.filter((group) => !from.includes(group));
  if (left.length === 0 && joined.length === 0) return <Text size="sm" c="dimmed"><Trans>It is there already.</Trans></Text>;
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="md">
      <Side title={<Trans>No longer applies</Trans>} none={<Trans>No admin loses access.</Trans>} admins={<Trans>Lose access</Trans>} groups={left} />
      <Side title={<Trans>Applies from now on</Trans>} none={<Trans>No admin gains access.</Trans>} admins={<Trans>Gain access</Trans>} groups={joined} />
    </SimpleGrid>
  );
}

interface SideProps {
  readonly title: React.ReactNode;
  readonly admins: React.ReactNode;
  readonly none: React.ReactNode;
  readonly groups: readonly string[];
}

function Side({ title, admins: adminsTitle, none, groups }: SideProps) {
  const parent = useParent();
  const transport = useTransport();
  const found = useSuspenseQueries({ queries: groups.map((name) => createQueryOptions(Groups.method.getGroup, { name, view: GroupView.FULL }, { transport })) });
  const people = useSuspenseQueries({ queries: groups.map((group) => createQueryOptions(Members.method.listMembers, { parent, group, filter: admins, pageSize: mostNamed }, { transport })) });
  const names = people.flatMap(({ data }) => data.members.map((member) => member.displayName || member.email));
  return (
    <Stack gap={6} className="surface" p="sm">
      <Text size="sm" fw={600}>{title}</Text>
      {groups.length === 0 ? <Text size="sm" c="dimmed"><Trans>No group</Trans></Text> : (
        <List size="sm" listStyleType="none">{found.map(({ data }) => <List.Item key={data.name}><OfGroup group={data} /></List.Item>)}</List>
      )}
      <Text size="sm" fw={600} mt={4}>{adminsTitle}</Text>
      {names.length === 0 ? <Text size="sm" c="dimmed">{none}</Text> : <Text size="sm" style={{ overflowWrap: "anywhere" }}>{names.join(", ")}</Text>}
    </Stack>
  );
}

function OfGroup({ group }: { readonly group: Group }) {
  const language = useLanguage();
  const budget = group.budgetNanoCredits;
  return (
    <>
      <span className="cut">{group.displayName}</span>
      <Text size="xs" c="dimmed" className="figures">
        {group.figuresHidden ? <Trans>figures hidden</Trans> : budget === undefined ? <Trans>no budget</Trans> : <Trans>{formatCredits(group.spentNanoCredits, language, 2)} of {formatCredits(budget + group.carriedNanoCredits, language, 2)} spent</Trans>}
      </Text>
    </>
  );
}
