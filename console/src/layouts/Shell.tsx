import { useQuery, useSuspenseQuery } from "@connectrpc/connect-query";
import { Accounts, Notifications, Operators, Organization_State, Organizations, Role } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Skeleton, Text } from "@mantine/core";
import { useDisclosure, useHotkeys } from "@mantine/hooks";
import { Navigate, Outlet, useNavigate, useParams, useRouterState } from "@tanstack/react-router";
import { Suspense, lazy, useState } from "react";

import { organizationName } from "../api/names";
import { Part } from "../components/Part";
import { PlaceProvider, isAdmin, usePlace } from "../hooks/account";
import { useShortcuts } from "../hooks/shortcuts";
import { operatorPaths, pathsOf, placesOf } from "../paths";
import { useSession } from "../stores/session";
import { Icon } from "../ui/Icon";
import { AccountMenu } from "./AccountMenu";
import { AppFrame } from "./AppFrame";
import { NavItem } from "./NavItem";
import { SuspensionNotice } from "./SuspensionNotice";

const DeletedOrganization = lazy(async () => ({ default: (await import("./DeletedOrganization")).DeletedOrganization }));
const CommandPalette = lazy(async () => ({ default: (await import("../components/palette/CommandPalette")).CommandPalette }));
const ShortcutList = lazy(async () => ({ default: (await import("../components/palette/ShortcutList")).ShortcutList }));

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
export function SignedOut() {
  const [to] = useState(useRouterState({ select: (state) => state.location.href }));
  return <Navigate to="/sign-in" search={{ to }} replace />;
}

function InOrganization() {
  const { organization: id } = useParams({ from: "/organizations/$organization" });
  const { data: found } = useSuspenseQuery(Accounts.method.listMyAccounts, { pageSize: 200, showDeleted: true });
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
  const [palette, { open: openPalette, close: closePalette, toggle: togglePalette }] = useDisclosure(false);
  const [isPaletteUsed, setPaletteUsed] = useState(false);
  if (palette && !isPaletteUsed) setPaletteUsed(true);
  const [help, { open: openHelp, close: closeHelp }] = useDisclosure(false);
  const [isHelpUsed, setHelpUsed] = useState(false);
  if (help && !isHelpUsed) setHelpUsed(true);
  const navigate = useNavigate();
  const { account, organization } = usePlace();
  const isDeleted = organization.state === Organization_State.DELETED;
  const places = placesOf(account.organization);
  useShortcuts({ places: Object.keys(places), go: (key) => void navigate({ to: places[key] ?? "/" }), help: openHelp });
  useHotkeys([["mod+K", togglePalette]], []);
  return (
    <AppFrame
      top={
        <>
          <AccountMenu />
          <Button variant="default" size="xs" mt="sm" leftSection={<Icon name="search" size={14} />} rightSection={<Text size="xs" c="dimmed">Ctrl K</Text>} onClick={openPalette} styles={{ root: { fontWeight: 450 }, inner: { justifyContent: "flex-start" }, label: { flex: 1 } }}>
            <Trans>Go to…</Trans>
          </Button>
        </>
      }
      navigation={isDeleted ? null : <Navigation />}
      profile={pathsOf(account.organization).profile}
    >
      <SuspensionNotice />
      {isDeleted ? <Part><DeletedOrganization /></Part> : <Outlet />}
      {isHelpUsed && <Suspense fallback={null}><ShortcutList opened={help} close={closeHelp} /></Suspense>}
      {isPaletteUsed && <Suspense fallback={null}><CommandPalette opened={palette} close={closePalette} /></Suspense>}
    </AppFrame>
  );
}

function Navigation() {
  const { t } = useLingui();
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  return (
    <>
      <NavItem to={paths.home} icon="home" label={t`Home`} exact />
      <NavItem to={paths.analytics} icon="chart" label={t`Analytics`} also={[paths.anomaly]} />
      <NavItem to={paths.calls} icon="list" label={t`Calls`} />
      <NavItem to={paths.playground} icon="spark" label={t`Playground`} />
      <NavItem to={paths.people} icon="people" label={t`Organization`} also={[paths.groups, paths.members, paths.invites, paths.newInvite, paths.importMembers, paths.serviceAccounts, paths.claimMappings, paths.signInLinks, paths.guardrails, paths.guardrailDefaults, paths.explain, paths.settings]} />
      <NavItem to={paths.keys} icon="key" label={t`API keys`} also={[paths.newKey]} />
      <NavItem to={paths.alerts} icon="bell" label={t`Alerts`} badge={<Part height={16}><Unread /></Part>} also={[paths.rules, paths.channels, paths.deliveries]} />
      <NavItem to={paths.catalog} icon="cube" label={t`Models`} also={[paths.virtualModels, paths.routing, paths.providers, paths.ownKeys]} />
      <NavItem to={paths.credit} icon="wallet" label={t`Credit`} also={[paths.statement, paths.topUpRequests, paths.invoices, paths.transactions]} />
      <NavItem to={paths.exports} icon="file" label={t`Exports`} />
      {isAdmin(account) && <NavItem to={paths.auditLog} icon="clock" label={t`Audit log`} />}
      {account.role === Role.SUPER_ADMIN && <NavItem to={paths.credentials} icon="code" label={t`Credentials`} />}
      <ToOperators />
    </>
  );
}

/** The way to the pages of operators, beside those of the organization. Only who could be one is asked about. */
function ToOperators() {
  const { t } = useLingui();
  const { account } = usePlace();
  const enabled = useSession()?.mayOperate === true && account.role === Role.SUPER_ADMIN;
  const { isSuccess } = useQuery(Operators.method.listOrganizationSummaries, { pageSize: 1 }, { enabled, staleTime: Number.POSITIVE_INFINITY });
  return enabled && isSuccess ? <NavItem to={operatorPaths.organizations} icon="switch" label={t`Pages of operators`} /> : null;
}

function Unread() {
  const parent = usePlace().account.organization;
  const { data } = useSuspenseQuery(Notifications.method.listNotifications, { parent, pageSize: 20, filter: "acknowledged = false" });
  const { t } = useLingui();
  const count = data.notifications.length;
  if (count === 0) return null;
  return <Badge size="sm" circle={count < 10} variant="filled" aria-label={t`${count} unread`}>{data.nextPageToken === "" ? count : `${count}+`}</Badge>;
}
