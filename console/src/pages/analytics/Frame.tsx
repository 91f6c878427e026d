import { Trans, useLingui } from "@lingui/react/macro";
import { Group, Stack, Tabs } from "@mantine/core";
import { Outlet, useNavigate, useRouterState, useSearch } from "@tanstack/react-router";

import { Part } from "../../components/Part";
import { PeriodChoice } from "../../components/PeriodChoice";
import { GroupChoice } from "../../components/GroupChoice";
import { isAdmin, usePlace } from "../../hooks/account";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";

/** The tabs of analytics. They share the period and the group, which are in the address. */
export function AnalyticsFrame() {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  const search = useSearch({ from: "/organizations/$organization/analytics" });
  const navigate = useNavigate({ from: "/organizations/$organization/analytics" });
  const path = useRouterState({ select: (state) => state.location.pathname });
  const current = [paths.models, paths.top].find((one) => path.startsWith(one)) ?? paths.analytics;
  const go = (to: string | null): void => {
    if (to !== null) void navigate({ to, search: (now) => ({ period: now.period, group: now.group }) });
  };
  return (
    <>
      <PageHeader
        title={<Trans>Analytics</Trans>} hint={<Trans>Figures are those of the ledger, to the last second.</Trans>}
        actions={
          <Group gap="sm">
            {isAdmin(account) && <Part height={36}><GroupChoice value={search.group} onChange={(group) => void navigate({ to: ".", search: (now) => ({ ...now, group }) })} /></Part>}
            <PeriodChoice value={search.period ?? "30d"} onChange={(period) => void navigate({ to: ".", search: (now) => ({ ...now, period }) })} />
          </Group>
        }
      />
      <Tabs value={current} onChange={go} mb="lg" keepMounted={false}>
        <Tabs.List aria-label={t`Analytics`}>
          <Tabs.Tab value={paths.analytics}><Trans>Overview</Trans></Tabs.Tab>
          <Tabs.Tab value={paths.models}><Trans>Models</Trans></Tabs.Tab>
          <Tabs.Tab value={paths.top}><Trans>Top 20</Trans></Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value={current} pt="lg"><Stack gap="lg"><Part height={360}><Outlet /></Part></Stack></Tabs.Panel>
      </Tabs>
    </>
  );
}
