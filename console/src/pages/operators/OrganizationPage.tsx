import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Operators, Organization_Kind, Organization_State, type OrganizationSummary } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, SimpleGrid, Stack } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { Suspense, useState } from "react";

import { nameOf, organizationIdOf, organizationName } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { Part } from "../../components/Part";
import { GrantCredit, IssueSignInLink, LinkIdentity, SetCreditLine } from "../../forms/operators/OperatorDialogs";
import { useLanguage } from "../../hooks/language";
import { useSaving } from "../../hooks/saving";
import { PageHeader } from "../../layouts/PageHeader";
import { operatorPaths } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Amount } from "../../ui/Amount";
import { Copyable } from "../../ui/Copyable";
import { Figure } from "../../ui/Figure";
import { Meter } from "../../ui/Meter";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { OwnKeysOf } from "./OwnKeysOf";
import { OrganizationState } from "./OrganizationList";
import { Requests } from "./RequestList";

/** What an operator sees of an organization, and may do to it. */
export function OrganizationPage() {
  const { t } = useLingui();
  const { organization: id } = useParams({ from: "/operators/organizations/$organization" });
  const { data: summary } = useSuspenseQuery(Operators.method.getOrganizationSummary, { name: `${organizationName(id)}/summary` });
  return (
    <>
      <PageHeader crumbs={[{ label: t`Organizations`, to: operatorPaths.organizations }]} title={summary.displayName || id} hint={<OrganizationState summary={summary} />} actions={<Actions summary={summary} />} />
      <Stack gap="lg">
        <Figures summary={summary} />
        <Surface title={<Trans>The account</Trans>}>
          <Properties
            entries={[
              [<Trans>Id</Trans>, <Copyable text={organizationIdOf(summary.name)} label={t`id`} />],
              [<Trans>Kind</Trans>, summary.kind === Organization_Kind.PERSONAL ? t`personal account` : t`organization`],
              [<Trans>Created</Trans>, <Time value={summary.createTime} />],
              [<Trans>History</Trans>, <AppLink to={operatorPaths.auditLog} search={{ organization: id }}><Trans>What operators did to it</Trans></AppLink>],
            ]}
          />
        </Surface>
        <Part height={120}><OwnKeysOf organization={organizationName(id)} displayName={summary.displayName || id} /></Part>
        {summary.kind !== Organization_Kind.PERSONAL && <Surface flush title={<Trans>Top-up requests</Trans>}><Part height={200}><Requests organization={organizationName(id)} state="all" /></Part></Surface>}
      </Stack>
    </>
  );
}

function Figures({ summary }: { readonly summary: OrganizationSummary }) {
  const { t } = useLingui();
  const language = useLanguage();
  const line = summary.creditLine;
  return (
    <SimpleGrid cols={{ base: 2, lg: 4 }} spacing="lg" className="surface" p={20}>
      <Figure label={<Trans>Balance</Trans>} value={<Amount nanoCredits={summary.balanceNanoCredits} decimals={2} c={summary.balanceNanoCredits < 0n ? "red" : undefined} />} />
      <Figure label={<Trans>Spent in total</Trans>} value={<Amount nanoCredits={summary.spentNanoCredits} decimals={2} />} />
      <Figure label={<Trans>Topped up</Trans>} value={<Amount nanoCredits={summary.toppedUpNanoCredits} decimals={2} />} note={<span className="figures"><Trans>{formatCredits(summary.adjustedNanoCredits, language, 2)} granted and adjusted</Trans></span>} />
      {line !== undefined && summary.kind !== Organization_Kind.PERSONAL && (
        <Figure
          label={<Trans>Credit line</Trans>} value={line.isUnlimited ? <Trans>Unlimited</Trans> : <Amount nanoCredits={line.lineNanoCredits} decimals={0} />}
          note={<Stack gap={4} mt={line.isUnlimited ? 0 : 4}>{!line.isUnlimited && <Meter used={line.usedNanoCredits} limit={line.lineNanoCredits} label={t`Credit line`} />}<span className="figures"><Trans>{formatCredits(line.usedNanoCredits, language, 2)} used by top-ups</Trans></span></Stack>}
        />
      )}
    </SimpleGrid>
  );
}

function Actions({ summary }: { readonly summary: OrganizationSummary }) {
  const { t } = useLingui();
  const [act, setAct] = useState<"line" | "grant" | "link" | "identity" | "suspend" | "restore" | undefined>(undefined);
  const suspend = useSaving(Operators.method.suspendAccount, t`The account is suspended.`);
  const restore = useSaving(Operators.method.restoreAccount, t`The account is restored.`);
  const close = (): void => setAct(undefined);
  const isPersonal = summary.kind === Organization_Kind.PERSONAL;
  const isSuspended = summary.state === Organization_State.SUSPENDED;
  const { name } = summary;
  return (
    <Group gap="sm">
      <Button variant="default" onClick={() => setAct("link")} disabled={isPersonal} title={isPersonal ? t`A personal account has no members` : undefined}><Trans>Sign-in link</Trans></Button>
      <Button variant="default" onClick={() => setAct("identity")} disabled={isPersonal} title={isPersonal ? t`A personal account has no members` : undefined}><Trans>Link an identity</Trans></Button>
      {isSuspended ? <Button variant="default" onClick={() => setAct("restore")}><Trans>Restore</Trans></Button> : <Button variant="light" color="red" onClick={() => setAct("suspend")}><Trans>Suspend</Trans></Button>}
      <Button variant="default" onClick={() => setAct("grant")}><Trans>Grant credit</Trans></Button>
      <Button onClick={() => setAct("line")} disabled={isPersonal} title={isPersonal ? t`A personal account has no credit line` : undefined}><Trans>Set the credit line</Trans></Button>
      {act === "line" && <SetCreditLine summary={summary} close={close} />}
      {act === "grant" && <GrantCredit summary={summary} close={close} />}
      {act === "identity" && <Suspense fallback={null}><LinkIdentity summary={summary} close={close} /></Suspense>}
      {act === "link" && <IssueSignInLink summary={summary} close={close} />}
      <Confirmation opened={act === "suspend"} close={close} title={<Trans>Suspend this account?</Trans>} about={nameOf(summary)} verb={<Trans>Suspend</Trans>} mutation={suspend} danger confirm={() => suspend.save({ name }, close)}>
        <Trans>Calls of its keys are refused within one second, and nothing in it can be changed. Its Super Admins cannot end that.</Trans>
      </Confirmation>
      <Confirmation opened={act === "restore"} close={close} title={<Trans>Restore this account?</Trans>} about={nameOf(summary)} verb={<Trans>Restore</Trans>} mutation={restore} confirm={() => restore.save({ name }, close)}>
        <Trans>Its keys work again, no matter who suspended it.</Trans>
      </Confirmation>
    </Group>
  );
}
