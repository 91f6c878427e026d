import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type CreditTransaction, Credits } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Group, NativeSelect, SimpleGrid, Stack, Text } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { AboutCredits } from "../../components/AboutCredits";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { useTransactionKind } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { pageSize, usePaging } from "../../hooks/paging";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { Amount } from "../../ui/Amount";
import { EmptyState } from "../../ui/EmptyState";
import { Figure } from "../../ui/Figure";
import { Meter } from "../../ui/Meter";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { formatCount } from "../../util/numbers";
import { CreditFrame } from "./CreditFrame";

const from = "/organizations/$organization/credit";

const orders = { newest: "ledger_sequence desc", oldest: "ledger_sequence" } as const;

/** The pool that pays for all calls, and what moved in it. */
export function Credit() {
  const parent = useParent();
  const { t } = useLingui();
  const { order = "newest" } = useSearch({ from });
  const navigate = useNavigate({ from });
  return (
    <CreditFrame>
      <Stack gap="lg">
        <Stack gap="xs"><Balance /><AboutCredits /></Stack>
        <Surface
          flush title={<Trans>Ledger</Trans>} hint={<Trans>Every change of the pool. It is never edited.</Trans>}
          actions={
            <Group gap="sm">
              <NativeSelect
                aria-label={t`Order`} size="xs" value={order} onChange={(event) => void navigate({ to: ".", search: event.currentTarget.value === "oldest" ? { order: "oldest" } : {} })}
                data={[{ value: "newest", label: t`Newest first` }, { value: "oldest", label: t`Oldest first` }]}
              />
              <ListCsv file="ledger" method={Credits.method.listCreditTransactions} request={{ parent, orderBy: orders[order] }} />
            </Group>
          }
        >
          <Part height={300}><Ledger order={order} /></Part>
        </Surface>
      </Stack>
    </CreditFrame>
  );
}

function Balance() {
  const parent = useParent();
  const { t } = useLingui();
  const language = useLanguage();
  const { data } = useSuspenseQuery(Credits.method.getCreditBalance, { name: `${parent}/creditBalance` });
  const { data: line } = useSuspenseQuery(Credits.method.getCreditLine, { name: `${parent}/creditLine` });
  const { balanceNanoCredits, heldNanoCredits } = data;
  return (
    <SimpleGrid cols={{ base: 2, lg: 4 }} spacing="lg" className="surface" p={20}>
      <Figure
        label={<Trans>Balance</Trans>} value={<Amount nanoCredits={balanceNanoCredits} decimals={2} c={balanceNanoCredits < 0n ? "red" : undefined} />}
        note={<Trans>after ledger no. {formatCount(data.ledgerSequence, language)}</Trans>}
      />
      <Figure label={<Trans>Held by running calls</Trans>} value={<Amount nanoCredits={heldNanoCredits} decimals={2} />} />
      <Figure label={<Trans>Available</Trans>} value={<Amount nanoCredits={balanceNanoCredits - heldNanoCredits} decimals={2} />} note={<Trans>for further calls</Trans>} />
      <Figure
        label={<Trans>Credit line</Trans>} value={line.isUnlimited ? <Trans>Unlimited</Trans> : <Amount nanoCredits={line.lineNanoCredits} decimals={0} />}
        note={
          <Stack gap={4} mt={line.isUnlimited ? 0 : 4}>
            {!line.isUnlimited && <Meter used={line.usedNanoCredits} limit={line.lineNanoCredits} label={t`Credit line`} />}
            <span className="figures"><Trans>{formatCredits(line.usedNanoCredits, language, 2)} used by top-ups</Trans></span>
          </Stack>
        }
      />
    </SimpleGrid>
  );
}

function Ledger({ order }: { readonly order: "newest" | "oldest" }) {
  const parent = useParent();
  const { t } = useLingui();
  const language = useLanguage();
  const kindName = useTransactionKind();
  const paging = usePaging(`${parent} ${order}`);
  const { data } = useSuspenseQuery(Credits.method.listCreditTransactions, {
    parent, pageSize, pageToken: paging.token, orderBy: orders[order],
  });
  if (data.creditTransactions.length === 0 && paging.back === undefined) return <EmptyState title={<Trans>Nothing moved yet</Trans>} step={<Trans>A top-up adds credit. Choose “Top up” above.</Trans>} command="megarouter credits top-up 100" />;
  const columns: readonly Column<CreditTransaction>[] = [
    { id: "number", header: <Trans>No.</Trans>, cell: (one) => <AppLink to={pathOf(one.name)}>{formatCount(one.ledgerSequence, language)}</AppLink> },
    { id: "time", header: <Trans>Time</Trans>, cell: (one) => <Time value={one.createTime} />, shown: "wide" },
    { id: "kind", header: <Trans>Kind</Trans>, cell: (one) => kindName(one.kind) },
    { id: "who", header: <Trans>By</Trans>, cell: (one) => <span className="cut">{one.actorDisplayName || idOf(one.actor)}</span>, shown: "very-wide" },
    { id: "reason", header: <Trans>Reason</Trans>, cell: (one) => <span className="cut">{one.reason}</span>, shown: "very-wide" },
    { id: "amount", header: <Trans>Amount</Trans>, cell: (one) => <Change nanoCredits={one.amountNanoCredits} />, align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Ledger`} columns={columns} rows={data.creditTransactions} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken} />
    </>
  );
}

/** By how much an amount changed. */
export function Change({ nanoCredits, decimals }: { readonly nanoCredits: bigint; readonly decimals?: number }) {
  const language = useLanguage();
  return <Text span inherit className="figures" c={nanoCredits > 0n ? "teal" : undefined}>{nanoCredits > 0n ? "+" : ""}{formatCredits(nanoCredits, language, decimals)}</Text>;
}
