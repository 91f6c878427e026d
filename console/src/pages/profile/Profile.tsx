import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Accounts, Organization_Kind } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, SegmentedControl, SimpleGrid, Stack, Text, useMantineColorScheme } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { Confirmation } from "../../components/Confirmation";
import { Part } from "../../components/Part";
import { MailPreferenceForm } from "../../forms/profile/MailPreferenceForm";
import { PersonalChannelForm } from "../../forms/profile/PersonalChannelForm";
import { usePlace } from "../../hooks/account";
import { useRoleName } from "../../hooks/labels";
import { activate, useLanguage } from "../../hooks/language";
import { useSaving } from "../../hooks/saving";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf } from "../../paths";
import { type Language, type Theme, changePreferences } from "../../stores/preferences";
import { AppLink } from "../../ui/AppLink";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Tokens } from "./Tokens";

/** The person: how the pages look, what reaches them, and the tokens that act for them. */
export function Profile() {
  const { account } = usePlace();
  const { data: user } = useSuspenseQuery(Accounts.method.getUser, { name: "users/me" });
  return (
    <>
      <PageHeader title={<Trans>Profile</Trans>} hint={user.email || undefined} />
      <Stack gap="lg">
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>You</Trans>}><Facts name={user.displayName} /></Surface>
          <Surface title={<Trans>How the pages look</Trans>} hint={<Trans>Saved in a cookie in this browser</Trans>}><Look /></Surface>
          <Surface title={<Trans>E-mail</Trans>} hint={<Trans>About this organization</Trans>}><Part><MailPreferenceForm /></Part></Surface>
          <Surface title={<Trans>Personal channel</Trans>} hint={<Trans>Gets the alerts of your inbox. No admin sees it.</Trans>}><Part><PersonalChannelForm /></Part></Surface>
        </SimpleGrid>
        <Part height={220}><Tokens /></Part>
        {account.kind !== Organization_Kind.PERSONAL && <Surface title={<Trans>Leave the organization</Trans>}><Leave /></Surface>}
      </Stack>
    </>
  );
}

function Facts({ name }: { readonly name: string }) {
  const { account, organization } = usePlace();
  const { t } = useLingui();
  const roleName = useRoleName();
  return (
    <Properties
      entries={[
        [<Trans>Name</Trans>, name || undefined],
        [<Trans>Account</Trans>, organization.displayName || t`Personal account`],
        [<Trans>Role</Trans>, roleName(account.role)],
        [<Trans>Group</Trans>, account.group === "" ? undefined : <AppLink to={pathOf(account.group)}>{account.groupDisplayName}</AppLink>],
        [<Trans>As a member</Trans>, <AppLink to={pathOf(account.member)}><Trans>Your page</Trans></AppLink>],
      ]}
    />
  );
}

function Look() {
  const { t } = useLingui();
  const language = useLanguage();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const speak = (next: string): void => {
    changePreferences({ language: next as Language });
    void activate(next as Language);
  };
  return (
    <Stack gap="sm">
      <div><Text size="sm" fw={500} mb={4} id="profile-theme"><Trans>Theme</Trans></Text><SegmentedControl aria-labelledby="profile-theme" value={colorScheme} onChange={(value) => setColorScheme(value as Theme)} data={[{ value: "light", label: t`Light` }, { value: "dark", label: t`Dark` }, { value: "auto", label: t`System` }]} /></div>
      <div><Text size="sm" fw={500} mb={4} id="profile-language"><Trans>Language</Trans></Text><SegmentedControl aria-labelledby="profile-language" value={language} onChange={speak} data={[{ value: "en", label: "English" }, { value: "zh", label: "中文" }]} /></div>
    </Stack>
  );
}

function Leave() {
  const { account, organization } = usePlace();
  const { t } = useLingui();
  const navigate = useNavigate();
  const [isAsked, setAsked] = useState(false);
  const saving = useSaving(Accounts.method.leaveOrganization, t`You have left the organization.`);
  return (
    <Group>
      <Button variant="light" color="red" onClick={() => setAsked(true)}><Trans>Leave {organization.displayName}…</Trans></Button>
      <Confirmation opened={isAsked} close={() => setAsked(false)} danger title={<Trans>Leave {organization.displayName}?</Trans>} about={undefined} verb={<Trans>Leave</Trans>} mutation={saving} confirm={() => saving.save({ organization: account.organization }, () => void navigate({ to: "/" }))}>
        <Trans>Your keys here are deleted for good, and calls with them are refused within a second. Your usage and the credit stay with the organization. Only a new invite brings you back, without keys. Transfer keys that programs still need first.</Trans>
      </Confirmation>
    </Group>
  );
}
