import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, Stack, Tabs } from "@mantine/core";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";

import { Part } from "../../components/Part";
import { Narrowed } from "../../components/selection/Narrowed";
import { SelectionBar } from "../../components/selection/SelectionBar";
import { isAdmin, usePlace } from "../../hooks/account";
import { useSelection } from "../../hooks/usage";
import { intoView } from "../../layouts/AreaTabs";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";

/** The tabs of analytics. They share the period and the filters, which are in the address. */
export function AnalyticsFrame() {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  const selection = useSelection();
  const navigate = useNavigate();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const tabs = [paths.explore, paths.models, paths.top, paths.anomalies, paths.analysis, paths.savings];
  const current = tabs.find((one) => path.startsWith(one)) ?? paths.analytics;
  return (
    <>
      <PageHeader title={<Trans>Analytics</Trans>} hint={<Trans>Figures come from the ledger, current to the second.</Trans>} actions={<Group gap="sm"><SelectionBar otherwise="30d" /><ToExports /></Group>} />
      <Narrowed />
      <Tabs value={current} onChange={(to) => void navigate({ to: to ?? paths.analytics, search: selection as never })} mb="lg" keepMounted={false}>
        <Tabs.List aria-label={t`Analytics`} className="tabs" ref={(list) => intoView(list?.querySelector("[aria-selected=true]") ?? null)}>
          <Tabs.Tab value={paths.analytics}><Trans>Overview</Trans></Tabs.Tab>
          <Tabs.Tab value={paths.explore}><Trans>Explore</Trans></Tabs.Tab>
          <Tabs.Tab value={paths.models}><Trans>Models</Trans></Tabs.Tab>
          <Tabs.Tab value={paths.top}><Trans>Top 20</Trans></Tabs.Tab>
          <Tabs.Tab value={paths.anomalies}><Trans>Anomalies</Trans></Tabs.Tab>
          {isAdmin(account) && <Tabs.Tab value={paths.analysis}><Trans>Written analysis</Trans></Tabs.Tab>}
          <Tabs.Tab value={paths.savings}><Trans>Savings</Trans></Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value={current} pt="lg"><Stack gap="lg"><Part height={360}><Outlet /></Part></Stack></Tabs.Panel>
      </Tabs>
    </>
  );
}

/** Leads to a report of the same calls. */
function ToExports() {
  const { exports } = pathsOf(usePlace().account.organization);
  return <Button component={Link} to={exports} search={useSelection() as never} variant="default"><Trans>Report…</Trans></Button>;
}
