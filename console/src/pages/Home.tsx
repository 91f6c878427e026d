import { useSuspenseQuery } from "@connectrpc/connect-query";
import {
  Analytics, ApiKeys, ApiKeyView, Credits, Members, UsageForecast_State, UsageGranularity,
} from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { lazy } from "react";

import { idOf, quoted } from "../api/names";
import { SpendChart } from "../charts/SpendChart";
import { AboutCredits } from "../components/AboutCredits";
import { Part } from "../components/Part";
import { SpentSince } from "../components/SpentSince";
import { isAdmin, usePlace } from "../hooks/account";
import { useLanguage } from "../hooks/language";
import { PageHeader } from "../layouts/PageHeader";
import { pathOf, pathsOf } from "../paths";
import { AppLink } from "../ui/AppLink";
import { Amount } from "../ui/Amount";
import { EmptyState } from "../ui/EmptyState";
import { Figure } from "../ui/Figure";
import { Meter } from "../ui/Meter";
import { Spent } from "../ui/Spent";
import { Surface } from "../ui/Surface";
import { Time } from "../ui/Time";
import { formatCredits, nanoPerCredit } from "../util/credits";
import { formatDay, startOf } from "../util/times";
import { useNow } from "../hooks/now";

// They must not hold up the figures: members have no groups and no movers, and the names of all kinds of alerts are much text.
const BudgetTree = lazy(async () => ({ default: (await import("../components/BudgetTree")).BudgetTree }));
const TopMovers = lazy(async () => ({ default: (await import("./TopMovers")).TopMovers }));
const Attention = lazy(async () => ({ default: (await import("./Attention")).Attention }));

export function Home() {
  const { account, organization } = usePlace();
  const paths = pathsOf(account.organization);
  const admin = isAdmin(account);
  return (
    <>
      <PageHeader
        title={organization.displayName || <Trans>Personal account</Trans>} hint={admin ? <Trans>Usage of everyone you administer</Trans> : <Trans>Your usage</Trans>}
        actions={<Button component={Link} to={paths.newKey}><Trans>Create an API key</Trans></Button>}
      />
      <Stack gap="lg">
        <Stack gap="xs"><Part height={132}><Figures /></Part><AboutCredits /></Stack>
        <SimpleGrid cols={{ base: 1, lg: admin ? 2 : 1 }} spacing="lg">
          <Surface title={<Trans>Spend by day</Trans>} hint={<Trans>Credits, the last 30 days</Trans>}>
            <Part height={240}><DailySpend /></Part>
          </Surface>
          {admin && <Surface title={<Trans>Groups</Trans>} hint={<Trans>This month. Bars show the use of the present budget.</Trans>} actions={<AppLink to={paths.groups}><Trans>All groups</Trans></AppLink>}><Part height={240}><BudgetTree heightPx={312} /></Part></Surface>}
        </SimpleGrid>
        <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
          <Surface title={<Trans>Needs attention</Trans>} actions={<AppLink to={paths.alerts}><Trans>All alerts</Trans></AppLink>}>
            <Part><Attention /></Part>
          </Surface>
          <Surface title={<Trans>My keys</Trans>} actions={<AppLink to={paths.keys}><Trans>All keys</Trans></AppLink>}>
            <Part><MyKeys /></Part>
          </Surface>
        </SimpleGrid>
        {admin && <Surface title={<Trans>Top movers</Trans>} hint={<Trans>The last 7 days against the 7 days before</Trans>}><Part><TopMovers /></Part></Surface>}
      </Stack>
    </>
  );
}

function Figures() {
  const { account } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const parent = account.organization;
  const { data: forecast } = useSuspenseQuery(Analytics.method.getUsageForecast, { name: parent });
  const budget = forecast.budgetNanoCredits;
  const spent = forecast.spentNanoCredits;
  const expected = forecast.expectedNanoCredits;
  const end = forecast.timeRange?.endTime;
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }} spacing="lg" className="surface" p={20}>
      <Figure
        label={<SpentSince forecast={forecast} />} value={<Amount nanoCredits={spent} decimals={2} />}
        note={end && <Trans>until {formatDay(end, language, forecast.timeZone)}</Trans>}
      />
      <Figure
        label={<Trans>Left</Trans>} value={budget === undefined ? "—" : <Amount nanoCredits={budget > spent ? budget - spent : 0n} decimals={2} />}
        note={budget === undefined ? <Trans>No budget</Trans> : <Stack gap={4} mt={4}><Meter used={spent} limit={budget} label={t`Budget`} /><span className="figures"><Trans>of {formatCredits(budget, language, 2)}</Trans></span></Stack>}
      />
      <Figure
        label={<Trans>Forecast</Trans>} value={expected === undefined ? "—" : <Amount nanoCredits={expected} decimals={2} c={forecast.state === UsageForecast_State.EXCEEDED ? "red" : undefined} />}
        note={<ForecastNote state={forecast.state} low={forecast.lowNanoCredits} high={forecast.highNanoCredits} />}
      />
      <Part height={90} denied={<MySpend shown={spent} />}><Pool /></Part>
    </SimpleGrid>
  );
}

/** From here on the band of a forecast is shown in whole credits. */
const wholeFrom = 10n * nanoPerCredit;

function ForecastNote({ state, low, high }: { readonly state: UsageForecast_State; readonly low: bigint | undefined; readonly high: bigint | undefined }) {
  const language = useLanguage();
  if (state === UsageForecast_State.EXCEEDED) return <Text span size="sm" c="red"><Trans>Above the budget</Trans></Text>;
  if (state === UsageForecast_State.NONE) return <Trans>Nothing spent yet</Trans>;
  if (low === undefined || high === undefined) return <Trans>Too few days to tell</Trans>;
  const decimals = high < wholeFrom ? 2 : 0;
  return <span className="figures"><Trans>{formatCredits(low, language, decimals)} to {formatCredits(high, language, decimals)} likely</Trans></span>;
}

function Pool() {
  const parent = usePlace().account.organization;
  const { data } = useSuspenseQuery(Credits.method.getCreditBalance, { name: `${parent}/creditBalance` });
  return (
    <Figure
      label={<Trans>Credit balance</Trans>} value={<Amount nanoCredits={data.balanceNanoCredits} decimals={2} />}
      note={<AppLink to={pathsOf(parent).credit}><Trans>Ledger</Trans></AppLink>}
    />
  );
}

/** For those who may not see the pool: what they spent themselves, unless that is shown already. */
function MySpend({ shown }: { readonly shown: bigint }) {
  const { account } = usePlace();
  const language = useLanguage();
  const { data } = useSuspenseQuery(Members.method.getMember, { name: account.member });
  if (data.spentNanoCredits === shown) return null;
  return <Figure label={<Trans>My spend</Trans>} value={<Amount nanoCredits={data.spentNanoCredits} decimals={2} />} note={data.budgetNanoCredits === undefined ? <Trans>in total, no budget</Trans> : <Trans>of {formatCredits(data.budgetNanoCredits + data.carriedNanoCredits, language, 2)}</Trans>} />;
}

function DailySpend() {
  const { account, organization } = usePlace();
  const now = useNow();
  const { data } = useSuspenseQuery(Analytics.method.queryUsage, {
    name: account.organization, timeRange: { startTime: startOf("30d", now, organization.timeZone) }, granularity: UsageGranularity.DAY,
  });
  if (data.total === undefined || data.total.callCount === 0n) {
    return <EmptyState title={<Trans>No calls in the last 30 days</Trans>} step={<Trans>Make a first call with one of your keys, or in the playground.</Trans>} action={<AppLink to={pathsOf(account.organization).playground}><Trans>Open the playground</Trans></AppLink>} command="megarouter usage calls" />;
  }
  return <SpendChart answer={data} height={272} />;
}

function MyKeys() {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { data } = useSuspenseQuery(ApiKeys.method.listApiKeys, {
    parent: account.organization, pageSize: 5, filter: `member = ${quoted(account.member)}`, orderBy: "last_use_time desc", view: ApiKeyView.FULL,
  });
  if (data.apiKeys.length === 0) {
    return (
      <EmptyState
        title={<Trans>You have no key yet</Trans>} step={<Trans>A key lets a program call models in your name.</Trans>} command="megarouter keys create laptop"
        action={<Button component={Link} to={paths.newKey} size="xs"><Trans>Create an API key</Trans></Button>}
      />
    );
  }
  return (
    <Stack gap="sm">
      {data.apiKeys.map((key) => (
        <Group key={key.name} justify="space-between" wrap="nowrap" gap="sm">
          <AppLink to={pathOf(key.name)} className="cut">{key.displayName || idOf(key.name)}</AppLink>
          <Group gap="md" wrap="nowrap">
            <Text size="sm" c="dimmed" style={{ whiteSpace: "nowrap" }}>{key.lastUseTime ? <Time value={key.lastUseTime} ago /> : <Trans>never used</Trans>}</Text>
            <Text size="sm" component="div"><Spent nanoCredits={key.spentNanoCredits} budget={key.budgetNanoCredits} carried={key.carriedNanoCredits} /></Text>
          </Group>
        </Group>
      ))}
    </Stack>
  );
}
