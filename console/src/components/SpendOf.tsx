import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Analytics, UsageForecast_State } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { SimpleGrid, Stack } from "@mantine/core";
import type { ReactNode } from "react";

import { usePlace } from "../hooks/account";
import { useLanguage } from "../hooks/language";
import { Amount } from "../ui/Amount";
import { Figure } from "../ui/Figure";
import { Meter } from "../ui/Meter";
import { formatCredits } from "../util/credits";
import { formatDay } from "../util/times";
import { Part } from "./Part";
import { SpentSince } from "./SpentSince";

interface SpendOfProps {
  readonly scope: string;
  readonly spent: bigint;
  readonly budget: bigint | undefined;
  readonly carried: bigint;
  readonly links: ReactNode;
}

/** What a group or a member spent, may spend, and is likely to spend. */
export function SpendOf({ scope, spent, budget, carried, links }: SpendOfProps) {
  const { t } = useLingui();
  const language = useLanguage();
  const limit = budget === undefined ? undefined : budget + carried;
  return (
    <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="lg" className="surface" p={20}>
      <Part height={70}><Spent scope={scope} links={links} /></Part>
      <Figure
        label={<Trans>Budget</Trans>} value={limit === undefined ? "—" : formatCredits(limit, language, 2)}
        note={limit === undefined ? <Trans>No budget</Trans> : <Stack gap={4} mt={6}><Meter used={spent} limit={limit} label={t`Budget`} /></Stack>}
      />
      <Part height={70}><Forecast scope={scope} /></Part>
    </SimpleGrid>
  );
}

/** What was spent in the period of the forecast beside it: the cycle of the budget, otherwise the month. */
function Spent({ scope, links }: { readonly scope: string; readonly links: ReactNode }) {
  const { data } = useSuspenseQuery(Analytics.method.getUsageForecast, { name: usePlace().account.organization, scope });
  return <Figure label={<SpentSince forecast={data} />} value={<Amount nanoCredits={data.spentNanoCredits} decimals={2} />} note={links} />;
}

function Forecast({ scope }: { readonly scope: string }) {
  const language = useLanguage();
  const { data } = useSuspenseQuery(Analytics.method.getUsageForecast, { name: usePlace().account.organization, scope });
  const expected = data.expectedNanoCredits;
  const end = data.timeRange?.endTime;
  return (
    <Figure
      label={<Trans>Forecast</Trans>} value={expected === undefined ? "—" : <Amount nanoCredits={expected} decimals={2} c={data.state === UsageForecast_State.EXCEEDED ? "red" : undefined} />}
      note={end && <Trans>until {formatDay(end, language, data.timeZone)}</Trans>}
    />
  );
}
