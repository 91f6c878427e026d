import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Guardrail, Guardrail_Mode, Guardrails } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";

import { guardrailOf, idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { Part } from "../../components/Part";
import { GuardrailForm, kindOf } from "../../forms/guardrails/GuardrailForm";
import { TemporaryLimit } from "../../forms/guardrails/TemporaryLimit";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useLimits } from "../../hooks/limits";
import { useSaving } from "../../hooks/saving";
import { useScopesAbove } from "../../hooks/scopes";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { Amount } from "../../ui/Amount";
import { AppLink } from "../../ui/AppLink";
import { Figure } from "../../ui/Figure";
import { Meter } from "../../ui/Meter";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { formatCount } from "../../util/numbers";
import { mayChangeGuardrail } from "../../util/permissions";

export function GuardrailPage() {
  const { account } = usePlace();
  const { t } = useLingui();
  const paths = pathsOf(account.organization);
  const { guardrail: id } = useParams({ from: "/organizations/$organization/guardrails/$guardrail" });
  const { data: guardrail } = useSuspenseQuery(Guardrails.method.getGuardrail, { name: `${account.organization}/guardrails/${id}` });
  const may = mayChangeGuardrail(account, guardrail);
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Organization`, to: paths.people }, { label: t`Guardrails`, to: paths.guardrails }]} title={t`Guardrail of ${guardrail.scopeDisplayName || idOf(guardrail.scope)}`}
        hint={guardrail.mode === Guardrail_Mode.SHADOW && <Badge color="orange" variant="light" radius="sm" tt="none"><Trans>Shadow: counts, and refuses nothing</Trans></Badge>}
        actions={<Actions guardrail={guardrail} may={may} />}
      />
      <Stack gap="lg">
        {!guardrail.figuresHidden && <Figures guardrail={guardrail} />}
        <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
          <Surface title={<Trans>Limits</Trans>} hint={may ? undefined : <Trans>Only admins above change them.</Trans>}>{may ? <GuardrailForm key={guardrail.etag} guardrail={guardrail} /> : <Limits guardrail={guardrail} />}</Surface>
          <Stack gap="lg">
            <Surface title={<Trans>Limits above</Trans>} hint={<Trans>A call must fit these too.</Trans>}><Part><Above scope={guardrail.scope} /></Part></Surface>
            <Surface title={<Trans>About it</Trans>}><Facts guardrail={guardrail} /></Surface>
          </Stack>
        </SimpleGrid>
      </Stack>
    </>
  );
}

function Figures({ guardrail }: { readonly guardrail: Guardrail }) {
  const { t } = useLingui();
  const language = useLanguage();
  const budget = guardrail.budgetNanoCredits === undefined ? undefined : guardrail.budgetNanoCredits + guardrail.carriedNanoCredits;
  return (
    <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="lg" className="surface" p={20}>
      <Figure
        label={<Trans>Spent</Trans>} value={<Amount nanoCredits={guardrail.spentNanoCredits} decimals={2} />}
        note={budget === undefined ? guardrail.periodStartTime === undefined ? <Trans>in total, no budget</Trans> : <Trans>since <Time value={guardrail.periodStartTime} />, no budget</Trans> : <Stack gap={4} mt={4}><Meter used={guardrail.spentNanoCredits} limit={budget} label={t`Budget`} /><span className="figures"><Trans>of {formatCredits(budget, language, 2)}</Trans></span></Stack>}
      />
      <Figure label={<Trans>Left</Trans>} value={guardrail.remainingNanoCredits === undefined ? "—" : <Amount nanoCredits={guardrail.remainingNanoCredits} decimals={2} />} note={guardrail.periodEndTime && <Trans>starts again <Time value={guardrail.periodEndTime} ago /></Trans>} />
      <Figure label={<Trans>Calls</Trans>} value={formatCount(guardrail.callCount, language)} note={guardrail.mode === Guardrail_Mode.SHADOW ? <Trans>{formatCount(guardrail.shadowRefusalCount, language)} would have been refused</Trans> : undefined} />
    </SimpleGrid>
  );
}

function Limits({ guardrail }: { readonly guardrail: Guardrail }) {
  const limits = useLimits()(guardrail);
  if (limits.length === 0) return <Text size="sm" c="dimmed"><Trans>It limits nothing.</Trans></Text>;
  return <Properties entries={limits.map(({ label, text }) => [label, text] as const)} />;
}

function Above({ scope }: { readonly scope: string }) {
  const scopes = useScopesAbove(scope);
  if (scopes.length === 0) return <Text size="sm" c="dimmed"><Trans>Nothing is above the organization but its credit.</Trans></Text>;
  return <Stack gap="md">{scopes.map((one) => <Part key={one} height={40} denied={<Text size="sm" c="dimmed">{idOf(one)}</Text>}><OneAbove scope={one} /></Part>)}</Stack>;
}

function OneAbove({ scope }: { readonly scope: string }) {
  const { data: guardrail } = useSuspenseQuery(Guardrails.method.getGuardrail, { name: guardrailOf(scope) });
  return (
    <div>
      <AppLink to={pathOf(guardrail.name)} fw={600} className="cut">{guardrail.scopeDisplayName || idOf(scope)}</AppLink>
      <Limits guardrail={guardrail} />
    </div>
  );
}

function Facts({ guardrail }: { readonly guardrail: Guardrail }) {
  const { t } = useLingui();
  const temporary = guardrail.temporaryLimit;
  const language = useLanguage();
  return (
    <Properties
      entries={[
        [<Trans>Changed</Trans>, guardrail.updateTime === undefined ? t`never` : <Time value={guardrail.updateTime} />],
        [<Trans>Present period began</Trans>, guardrail.periodStartTime && <Time value={guardrail.periodStartTime} />],
        [<Trans>Held by open calls</Trans>, guardrail.figuresHidden ? undefined : formatCredits(guardrail.heldNanoCredits, language)],
        [<Trans>Carried over</Trans>, guardrail.carriedNanoCredits === 0n ? undefined : formatCredits(guardrail.carriedNanoCredits, language)],
        [<Trans>Temporary budget</Trans>, temporary?.budgetNanoCredits === undefined ? undefined : formatCredits(temporary.budgetNanoCredits, language)],
        [<Trans>Temporary until</Trans>, temporary && <Time value={temporary.endTime} />],
        [<Trans>From a default</Trans>, guardrail.defaultOrigins.length === 0 ? undefined : guardrail.defaultOrigins.map(({ limit, scope }) => `${limit} (${idOf(scope)})`).join(", ")],
      ]}
    />
  );
}

function Actions({ guardrail, may }: { readonly guardrail: Guardrail; readonly may: boolean }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const [act, setAct] = useState<"reset" | "remove" | "temporary" | undefined>(undefined);
  const reset = useSaving(Guardrails.method.resetGuardrail, t`A new period began.`);
  const remove = useSaving(Guardrails.method.deleteGuardrail, t`The limits were removed.`);
  const close = (): void => setAct(undefined);
  const caller = { member: "member", apikey: "key", serviceaccount: "serviceAccount" }[kindOf(guardrail)];
  return (
    <Group gap="sm">
      {caller !== undefined && <AppLink to={pathsOf(account.organization).explain} search={{ [caller]: idOf(guardrail.scope) }}><Trans>Why was a call refused?</Trans></AppLink>}
      {may && (
        <>
          <Button variant="default" onClick={() => setAct("temporary")}><Trans>Change for a while…</Trans></Button>
          <Button variant="default" onClick={() => setAct("reset")}><Trans>Begin a new period…</Trans></Button>
          <Button variant="light" color="red" disabled={guardrail.updateTime === undefined} onClick={() => setAct("remove")}><Trans>Remove all limits…</Trans></Button>
        </>
      )}
      <Confirmation opened={act === "reset"} close={close} title={<Trans>Start a new budget period?</Trans>} about={guardrail.scopeDisplayName || idOf(guardrail.scope)} verb={<Trans>Begin</Trans>} mutation={reset} confirm={() => reset.save({ name: guardrail.name, etag: guardrail.etag }, close)}>
        <Trans>Its spend of {formatCredits(guardrail.spentNanoCredits, language, 2)} starts at 0 within a second. What was spent stays in the ledger, in the reports and in the budgets above. The next period begins when it would have begun anyway.</Trans>
      </Confirmation>
      <Confirmation opened={act === "remove"} close={close} danger title={<Trans>Remove all its limits?</Trans>} about={guardrail.scopeDisplayName || idOf(guardrail.scope)} verb={<Trans>Remove</Trans>} mutation={remove} confirm={() => remove.save({ name: guardrail.name, etag: guardrail.etag }, close)}>
        <Stack gap="sm"><Trans>These limits end within a second. Limits above still apply.</Trans><Limits guardrail={guardrail} /></Stack>
      </Confirmation>
      {act === "temporary" && <TemporaryLimit guardrail={guardrail} close={close} />}
    </Group>
  );
}
