import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Member, Member_State, Members } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../api/names";
import { GuardrailSummary } from "../../components/GuardrailSummary";
import { Part } from "../../components/Part";
import { SpendOf } from "../../components/SpendOf";
import { CreateSignInLink } from "../../forms/organization/CreateSignInLink";
import { type MemberAct, MemberDialog } from "../../forms/organization/MemberForms";
import { isAdmin, usePlace } from "../../hooks/account";
import { useRoleName } from "../../hooks/labels";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { mayChangeMember } from "../../util/permissions";
import { MemberTokens } from "./MemberTokens";
import { KeysOf } from "./KeysOf";
import { MemberState } from "./MemberState";

export function MemberPage() {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  const roleName = useRoleName();
  const { member: id } = useParams({ from: "/organizations/$organization/members/$member" });
  const name = `${account.organization}/members/${id}`;
  const { data: member } = useSuspenseQuery(Members.method.getMember, { name });
  return (
    <>
      <PageHeader crumbs={[{ label: t`Organization`, to: paths.people }]} title={member.displayName || member.email || id} hint={<MemberState state={member.state} />} actions={<Actions member={member} />} />
      <Stack gap="lg">
        <SpendOf
          scope={name} spent={member.spentNanoCredits} budget={member.budgetNanoCredits} carried={member.carriedNanoCredits}
          links={<><AppLink to={paths.calls} search={{ member: id, period: "30d" }}><Trans>Calls</Trans></AppLink>{" · "}<AppLink to={paths.explain} search={{ member: id }}><Trans>Why was a call refused?</Trans></AppLink></>}
        />
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>The member</Trans>}>
            <Properties
              entries={[
                [<Trans>Id</Trans>, <Copyable text={id} label={t`id`} />],
                [<Trans>Address</Trans>, member.email || undefined],
                [<Trans>Role</Trans>, roleName(member.role)],
                [<Trans>Group</Trans>, member.group === "" ? t`none` : <AppLink to={pathOf(member.group)} lineClamp={2} title={member.groupDisplayName}>{member.groupDisplayName || idOf(member.group)}</AppLink>],
                [<Trans>Joined</Trans>, <Time value={member.createTime} />],
                [<Trans>Changed</Trans>, <Time value={member.updateTime} />],
              ]}
            />
          </Surface>
          <GuardrailSummary scope={name} />
        </SimpleGrid>
        <Surface flush title={<Trans>Keys</Trans>} actions={<Button component={Link} to={paths.newKey} search={{ member: id } as never} size="xs" variant="default"><Trans>Create a key</Trans></Button>}><Part><KeysOf owner={name} /></Part></Surface>
        {isAdmin(account) && <Part height={0}><MemberTokens member={name} /></Part>}
      </Stack>
    </>
  );
}

function Actions({ member }: { readonly member: Member }) {
  const { account } = usePlace();
  const [act, setAct] = useState<MemberAct | undefined>(undefined);
  const [isSigningIn, setSigningIn] = useState(false);
  const may = mayChangeMember(account, member);
  if (account.member === member.name || !isAdmin(account)) return null;
  return (
    <Stack gap={4} align="flex-end">
      <Group gap="sm">
        <Button variant="default" disabled={!may} onClick={() => setAct("place")}><Trans>Role and group…</Trans></Button>
        {member.state === Member_State.SUSPENDED
          ? <Button variant="default" disabled={!may} onClick={() => setAct("resume")}><Trans>Resume</Trans></Button>
          : <Button variant="default" disabled={!may} onClick={() => setAct("suspend")}><Trans>Suspend</Trans></Button>}
        {member.state === Member_State.ACTIVE && may && <Button variant="default" onClick={() => setSigningIn(true)}><Trans>Sign-in link…</Trans></Button>}
        <Button variant="default" disabled={!may} onClick={() => setAct("link")}><Trans>Link an identity…</Trans></Button>
        <Button variant="light" color="red" disabled={!may} onClick={() => setAct("remove")}><Trans>Remove</Trans></Button>
      </Group>
      {!may && <Text size="xs" c="dimmed">{member.state === Member_State.REMOVED ? <Trans>Removed: only an invite brings them back.</Trans> : <Trans>Only admins of a higher role change this member.</Trans>}</Text>}
      {isSigningIn && <CreateSignInLink close={() => setSigningIn(false)} of={member.name} />}
      <MemberDialog act={act} member={member} close={() => setAct(undefined)} />
    </Stack>
  );
}
