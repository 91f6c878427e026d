import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Accounts, Notifications, Organizations } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { AppShell, Badge, Box, Burger, Button, Group, NavLink, Skeleton, Text } from "@mantine/core";
import { useDisclosure, useHotkeys } from "@mantine/hooks";
import { Link, Navigate, Outlet, useParams, useRouterState } from "@tanstack/react-router";
import { Suspense, lazy, useEffect, useState } from "react";

import { organizationName } from "../api/names";
import { Part } from "../components/Part";
import { Toasts } from "../components/Toasts";
import { PlaceProvider, usePlace } from "../hooks/account";
import { pathsOf } from "../paths";
import { useSession } from "../stores/session";
import { Icon, type IconName } from "../ui/Icon";
import { AccountMenu } from "./AccountMenu";
import { SettingsMenu } from "./SettingsMenu";

const CommandPalette = lazy(async () => ({ default: (await import("../components/CommandPalette")).CommandPalette }));

/** What every page about an organization has around it. */
export function Shell() {
  if (useSession() === undefined) return <SignedOut />;
  return (
    <Suspense fallback={<Skeleton height="100vh" radius={0} />}>
      <InOrganization />
    </Suspense>
  );
}

/** Leads to the sign-in, which leads back. The address is that of the beginning, because it changes on the way. */
function SignedOut() {
  const [to] = useState(useRouterState({ select: (state) => state.location.href }));
  return <Navigate to="/sign-in" search={{ to }} replace />;
}

function InOrganization() {
  const { organization: id } = useParams({ from: "/organizations/$organization" });
  const { data: found } = useSuspenseQuery(Accounts.method.listMyAccounts, { pageSize: 200 });
  const { data: organization } = useSuspenseQuery(Organizations.method.getOrganization, { name: organizationName(id) });
  const account = found.accounts.find((one) => one.organization === organizationName(id));
  if (account === undefined) return <Navigate to="/" replace />;
  return (
    <PlaceProvider value={{ account, accounts: found.accounts, organization }}>
      <Frame />
    </PlaceProvider>
  );
}

function Frame() {
  const [opened, { toggle, close }] = useDisclosure(false);
  const [palette, { open: openPalette, close: closePalette, toggle: togglePalette }] = useDisclosure(false);
  const [isPaletteUsed, setPaletteUsed] = useState(false);
  if (palette && !isPaletteUsed) setPaletteUsed(true);
  const { t } = useLingui();
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(close, [path, close]);
  useHotkeys([["mod+K", togglePalette]], []);
  return (
    <AppShell header={{ height: { base: 56, sm: 0 } }} navbar={{ width: 248, breakpoint: "sm", collapsed: { mobile: !opened } }} padding={0} layout="alt">
      <a className="skip" href="#main"><Trans>Skip to the page</Trans></a>
      <AppShell.Header hiddenFrom="sm" px="md" style={{ background: "var(--surface)", borderColor: "var(--line)" }}>
        <Group h="100%" justify="space-between"><Brand /><Burger opened={opened} onClick={toggle} size="sm" aria-label={t`Menu`} /></Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" style={{ background: "var(--surface)", borderColor: "var(--line)" }}>
        <Group justify="space-between" p={6} mb="sm"><Brand /><Burger hiddenFrom="sm" opened={opened} onClick={toggle} size="sm" aria-label={t`Close the menu`} /></Group>
        <AccountMenu />
        <Button variant="default" size="xs" mt="sm" leftSection={<Icon name="search" size={14} />} rightSection={<Text size="xs" c="dimmed">Ctrl K</Text>} onClick={openPalette} styles={{ root: { fontWeight: 450 }, inner: { justifyContent: "flex-start" }, label: { flex: 1 } }}>
          <Trans>Go to…</Trans>
        </Button>
        <Box component="nav" mt="md" style={{ flex: 1, overflowY: "auto" }} aria-label={t`Pages`}><Navigation /></Box>
        <SettingsMenu />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <Box mx="auto" px={{ base: "md", md: 40 }} py={{ base: "md", md: 36 }} maw="calc(var(--page-width) + 80px)"><Outlet /></Box>
      </AppShell.Main>
      <Toasts />
      {isPaletteUsed && <Suspense fallback={null}><CommandPalette opened={palette} close={closePalette} /></Suspense>}
    </AppShell>
  );
}

function Brand() {
  return (
    <Group gap={8} wrap="nowrap">
      <svg width="24" height="24" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="#4f46e5" />
        <path d="M7 23V10l9 8 9-8v13" fill="none" stroke="#fff" strokeWidth="3.4" strokeLinecap="round" strokeLinejoin="round" />
      </svg>
      <Text fw={650} span>MegaRouter</Text>
    </Group>
  );
}

function Navigation() {
  const { t } = useLingui();
  const paths = pathsOf(usePlace().account.organization);
  return (
    <>
      <Item to={paths.home} icon="home" label={t`Home`} exact />
      <Item to={paths.analytics} icon="chart" label={t`Analytics`} />
      <Item to={paths.calls} icon="list" label={t`Calls`} />
      <Item to={paths.people} icon="people" label={t`Organization`} also={[paths.groups, paths.members, paths.invites, paths.newInvite, paths.importMembers, paths.serviceAccounts, paths.guardrails, paths.guardrailDefaults, paths.explain, paths.settings]} />
      <Item to={paths.keys} icon="key" label={t`API keys`} also={[paths.newKey]} />
      <Item to={paths.alerts} icon="bell" label={t`Alerts`} badge={<Part height={16}><Unread /></Part>} />
      <Item to={paths.credit} icon="wallet" label={t`Credit`} />
    </>
  );
}

interface ItemProps {
  readonly to: string;
  readonly icon: IconName;
  readonly label: string;
  readonly exact?: boolean;
  readonly also?: readonly string[];
  readonly badge?: React.ReactNode;
}

function Item({ to, icon, label, exact = false, also = [], badge }: ItemProps) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const active = exact ? path === to || path === `${to}/` : [to, ...also].some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
  return (
    <NavLink
      component={Link} to={to} activeOptions={{ exact, includeSearch: false }} label={label} leftSection={<Icon name={icon} />} rightSection={badge} active={active} aria-current={active ? "page" : undefined}
      style={{ borderRadius: 8 }} mb={2} fw={active ? 600 : 450}
    />
  );
}

function Unread() {
  const parent = usePlace().account.organization;
  const { data } = useSuspenseQuery(Notifications.method.listNotifications, { parent, pageSize: 20, filter: "acknowledged = false" });
  const { t } = useLingui();
  const count = data.notifications.length;
  if (count === 0) return null;
  return <Badge size="sm" circle={count < 10} variant="filled" aria-label={t`${count} unread`}>{data.nextPageToken === "" ? count : `${count}+`}</Badge>;
}
