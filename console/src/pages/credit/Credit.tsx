import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type CreditTransaction, Credits } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { SimpleGrid, Stack, Text } from "@mantine/core";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { useTransactionKind } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { pageSize, usePaging } from "../../hooks/paging";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { Amount } from "../../ui/Amount";
import { EmptyState } from "../../ui/EmptyState";
import { Figure } from "../../ui/Figure";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { formatCount } from "../../util/numbers";

/** The pool that pays for all calls, and what moved in it. */
export function Credit() {
  const denied = <Surface><EmptyState title={<Trans>You may not see the credit</Trans>} step={<Trans>Admins of the organization and of groups on level 1 see it.</Trans>} /></Surface>;
  return (
    <>
      <PageHeader title={<Trans>Credit</Trans>} hint={<Trans>One pool pays for all calls of the organization.</Trans>} />
      <Part height={480} denied={denied}>
        <Stack gap="lg"><Balance /><Surface flush title={<Trans>Ledger</Trans>} hint={<Trans>Every change of the pool. It is never edited.</Trans>}><Part height={300}><Ledger /></Part></Surface></Stack>
      </Part>
    </>
  );
}

function Balance() {
  const parent = useParent();
  const language = useLanguage();
  const { data } = useSuspenseQuery(Credits.method.getCreditBalance, { name: `${parent}/creditBalance` });
  const { data: line } = useSuspenseQuery(Credits.method.getCreditLine, { name: `${parent}/creditLine` });
  return (
    <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="lg" className="surface" p={20}>
      <Figure label={<Trans>Balance</Trans>} value={<Amount nanoCredits={data.balanceNanoCredits} decimals={2} />} note={<Trans>after ledger no. {formatCount(data.ledgerSequence, language)}</Trans>} />
      <Figure label={<Trans>Held by running calls</Trans>} value={<Amount nanoCredits={data.heldNanoCredits} decimals={2} />} />
      <Figure
        label={<Trans>Credit line</Trans>} value={line.isUnlimited ? <Trans>Unlimited</Trans> : <Amount nanoCredits={line.lineNanoCredits} decimals={0} />}
        note={<span className="figures"><Trans>{formatCredits(line.usedNanoCredits, language, 2)} used by top-ups</Trans></span>}
      />
    </SimpleGrid>
  );
}

function Ledger() {
  const parent = useParent();
  const { t } = useLingui();
  const language = useLanguage();
  const kindName = useTransactionKind();
  const paging = usePaging(parent);
  const { data } = useSuspenseQuery(Credits.method.listCreditTransactions, { parent, pageSize, pageToken: paging.token });
  if (data.creditTransactions.length === 0 && paging.back === undefined) return <EmptyState title={<Trans>Nothing moved yet</Trans>} step={<Trans>A top-up adds credit.</Trans>} command="megarouter credits top-up 100" />;
  const columns: readonly Column<CreditTransaction>[] = [
    { id: "number", header: <Trans>No.</Trans>, cell: (one) => formatCount(one.ledgerSequence, language), shown: "wide" },
    { id: "time", header: <Trans>Time</Trans>, cell: (one) => <Time value={one.createTime} /> },
    { id: "kind", header: <Trans>Kind</Trans>, cell: (one) => (one.holdId === "" ? kindName(one.kind) : <AppLink to={pathOf(`${parent}/calls/${one.holdId}`)}>{kindName(one.kind)}</AppLink>) },
    { id: "who", header: <Trans>By</Trans>, cell: (one) => <span className="cut">{one.actorDisplayName || idOf(one.actor)}</span>, shown: "very-wide" },
    { id: "reason", header: <Trans>Reason</Trans>, cell: (one) => <span className="cut">{one.reason}</span>, shown: "very-wide" },
    { id: "amount", header: <Trans>Amount</Trans>, cell: (one) => <Text span inherit c={one.amountNanoCredits > 0n ? "teal" : undefined}>{one.amountNanoCredits > 0n ? "+" : ""}{formatCredits(one.amountNanoCredits, language)}</Text>, align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Ledger`} columns={columns} rows={data.creditTransactions} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken} />
    </>
  );
}
