import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Group, GroupView, Groups, Members } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { SimpleGrid, Stack, Text } from "@mantine/core";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { idOf, quoted } from "../../api/names";
import { GuardrailSummary } from "../../components/GuardrailSummary";
import { Part } from "../../components/Part";
import { SpendOf } from "../../components/SpendOf";
import { usePlace } from "../../hooks/account";
import { useGroups } from "../../hooks/groups";
import { useRoleName } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Spent } from "../../ui/Spent";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCount } from "../../util/numbers";
import { type GroupAct, GroupDialog } from "../../forms/organization/GroupForms";
import { GroupMenu } from "./GroupTree";
import { MemberTable } from "./MemberTable";

const mostShown = 200;

export function GroupPage() {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  const language = useLanguage();
  const navigate = useNavigate();
  const [act, setAct] = useState<GroupAct | undefined>(undefined);
  const { group: id } = useParams({ from: "/organizations/$organization/groups/$group" });
  const name = `${account.organization}/groups/${id}`;
  const { data: group } = useSuspenseQuery(Groups.method.getGroup, { name });
  const above = useGroups();
  const nameOf = (one: string): string => above.find((found) => found.name === one)?.displayName ?? idOf(one);
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Organization`, to: paths.groups }, ...group.path.slice(0, -1).map((one) => ({ label: nameOf(one), to: pathOf(one) }))]} title={group.displayName}
        hint={group.figuresHidden ? undefined : <Trans>{formatCount(group.subtreeMemberCount, language)} members</Trans>}
        actions={group.deleteTime === undefined && <GroupMenu group={group} setAct={setAct} named />}
      />
      <GroupDialog act={act} close={() => setAct(undefined)} onDeleted={() => void navigate({ to: paths.groups })} />
      <Stack gap="lg">
        {!group.figuresHidden && (
          <SpendOf
            scope={name} spent={group.spentNanoCredits} budget={group.budgetNanoCredits} carried={group.carriedNanoCredits}
            links={<><AppLink to={paths.analytics} search={{ group: id }}><Trans>Analytics</Trans></AppLink>{" · "}<AppLink to={paths.calls} search={{ group: id }}><Trans>Calls</Trans></AppLink></>}
          />
        )}
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>The group</Trans>}>
            <Properties
              entries={[
                [<Trans>Id</Trans>, <Copyable text={id} label={t`id`} />],
                [<Trans>Level</Trans>, group.level],
                [<Trans>Created</Trans>, <Time value={group.createTime} />],
                [<Trans>Changed</Trans>, <Time value={group.updateTime} />],
                [<Trans>Deleted</Trans>, group.deleteTime === undefined ? undefined : <Time value={group.deleteTime} />],
              ]}
            />
          </Surface>
          <GuardrailSummary scope={name} />
          <Surface flush title={<Trans>Groups below</Trans>}><Part><Below name={name} /></Part></Surface>
          <Surface title={<Trans>Managers</Trans>} hint={<Trans>Admins of this group; admins above manage it too.</Trans>}><Part><Managers name={name} /></Part></Surface>
        </SimpleGrid>
        <Surface flush title={<Trans>Members</Trans>} hint={<Trans>Of this group and below, the highest spend first</Trans>}>
          <Part height={300}><MemberTable question={{ group: name, withDescendants: true, orderBy: "spent_nano_credits desc" }} /></Part>
        </Surface>
      </Stack>
    </>
  );
}

function Managers({ name }: { readonly name: string }) {
  const { account } = usePlace();
  const roleName = useRoleName();
  const { data } = useSuspenseQuery(Members.method.listMembers, { parent: account.organization, group: name, filter: "role = ROLE_L1_ADMIN OR role = ROLE_SUB_ADMIN", pageSize: mostShown });
  if (data.members.length === 0) return <Text size="sm" c="dimmed"><Trans>None. Make a member of this group an admin on their page.</Trans></Text>;
  return <Properties entries={data.members.map((member) => [roleName(member.role), <AppLink to={pathOf(member.name)}>{member.displayName || member.email || idOf(member.name)}</AppLink>] as const)} />;
}

function Below({ name }: { readonly name: string }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const { data } = useSuspenseQuery(Groups.method.listGroups, { parent: account.organization, pageSize: mostShown, filter: `parent_group = ${quoted(name)}`, view: GroupView.FULL });
  if (data.groups.length === 0) return <Text size="sm" c="dimmed" px={20} pb={20}><Trans>None</Trans></Text>;
  const columns: readonly Column<Group>[] = [
    { id: "name", header: <Trans>Name</Trans>, cell: (group) => <AppLink to={pathOf(group.name)} className="cut">{group.displayName}</AppLink> },
    { id: "members", header: <Trans>Members</Trans>, cell: (group) => formatCount(group.subtreeMemberCount, language), align: "right", shown: "wide" },
    { id: "spent", header: <Trans>Spent</Trans>, cell: (group) => <Spent nanoCredits={group.spentNanoCredits} budget={group.budgetNanoCredits} carried={group.carriedNanoCredits} decimals={2} />, align: "right" },
  ];
  return <DataTable caption={t`Groups below`} columns={columns} rows={data.groups} keyOf={(group) => group.name} />;
}
