import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Operators } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Skeleton, Text, Title } from "@mantine/core";
import { Link, Outlet } from "@tanstack/react-router";
import { Suspense } from "react";

import { Part } from "../components/Part";
import { operatorPaths } from "../paths";
import { useSession } from "../stores/session";
import { EmptyState } from "../ui/EmptyState";
import { Icon } from "../ui/Icon";
import { AppFrame } from "./AppFrame";
import { NavItem } from "./NavItem";
import { SignedOut } from "./Shell";

/** What the pages of the operators of the deployment have around them. Everybody else learns that these are not theirs. */
export function OperatorShell() {
  if (useSession() === undefined) return <SignedOut />;
  return (
    <Suspense fallback={<Skeleton height="100vh" radius={0} />}>
      <AppFrame top={<Top />} navigation={<Navigation />}>
        <Part height={420} denied={<NoAccess />}><OnlyOperators /></Part>
      </AppFrame>
    </Suspense>
  );
}

/** Shows the page to those whom the service takes for operators. */
function OnlyOperators() {
  useSuspenseQuery(Operators.method.listOrganizationSummaries, { pageSize: 1 });
  return <Outlet />;
}

function NoAccess() {
  return (
    <EmptyState
      title={<Title order={1}><Trans>These pages are for operators</Trans></Title>} step={<Trans>Operators run the deployment, whose settings name them. They sign in at an identity provider or with an access token, never with a sign-in link.</Trans>} command="MEGAROUTER_OPERATORS"
      action={<Button component={Link} to="/" variant="default"><Trans>Go to home page</Trans></Button>}
    />
  );
}

function Top() {
  return (
    <>
      <Text size="sm" fw={600} px="sm"><Trans>Operators</Trans></Text>
      <Button component={Link} to="/" variant="default" size="xs" mt="sm" leftSection={<Icon name="left" size={14} />} styles={{ inner: { justifyContent: "flex-start" } }}><Trans>To my account</Trans></Button>
    </>
  );
}

function Navigation() {
  const { t } = useLingui();
  return (
    <>
      <NavItem to={operatorPaths.organizations} icon="people" label={t`Organizations`} exact also={[operatorPaths.organization]} />
      <NavItem to={operatorPaths.requests} icon="wallet" label={t`Top-up requests`} badge={<Part height={16}><Pending /></Part>} />
      <NavItem to={operatorPaths.providers} icon="cube" label={t`Live configuration`} also={[operatorPaths.models, operatorPaths.limits, operatorPaths.versions, "/operators/new", "/operators/edit"]} />
      <NavItem to={operatorPaths.auditLog} icon="clock" label={t`Audit log`} />
    </>
  );
}

function Pending() {
  const { data } = useSuspenseQuery(Operators.method.searchTopUpRequests, { pageSize: 20, filter: "state = STATE_PENDING" });
  const count = data.topUpRequests.length;
  return count === 0 ? null : <Text size="xs" c="dimmed" className="figures">{data.nextPageToken === "" ? count : `${count}+`}</Text>;
}
