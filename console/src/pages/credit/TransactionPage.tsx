import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type CreditPosting, CreditPosting_Account, type CreditTransaction, Credits } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { SimpleGrid, Text } from "@mantine/core";
import { useParams } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { useParent } from "../../hooks/account";
import { useTransactionKind } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCount } from "../../util/numbers";
import { Change } from "./Credit";

/** One transfer of the ledger, and what it changed in each account. */
export function TransactionPage() {
  const parent = useParent();
  const { t } = useLingui();
  const language = useLanguage();
  const kindName = useTransactionKind();
  const { transaction: id } = useParams({ from: "/organizations/$organization/creditTransactions/$transaction" });
  const { data: one } = useSuspenseQuery(Credits.method.getCreditTransaction, { name: `${parent}/creditTransactions/${id}` });
  const number = formatCount(one.ledgerSequence, language);
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Credit`, to: pathsOf(parent).credit }]} title={<Trans>{kindName(one.kind)}, ledger no. {number}</Trans>} hint={<Time value={one.createTime} />}
        actions={<Text fz={26} fw={650}><Change nanoCredits={one.amountNanoCredits} /></Text>}
      />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Surface title={<Trans>The transaction</Trans>}><Facts transaction={one} /></Surface>
        <Surface flush title={<Trans>Postings</Trans>} hint={<Trans>What it changed in the accounts of the ledger. The sum is 0.</Trans>}><Postings postings={one.postings} /></Surface>
      </SimpleGrid>
    </>
  );
}

function Facts({ transaction }: { readonly transaction: CreditTransaction }) {
  const parent = useParent();
  const { t } = useLingui();
  const corrected = transaction.correctedTransaction;
  return (
    <Properties
      entries={[
        [<Trans>Id</Trans>, <Copyable text={transaction.name} label={t`name`} />],
        [<Trans>By</Trans>, transaction.actorDisplayName || idOf(transaction.actor)],
        [<Trans>Reason</Trans>, transaction.reason || undefined],
        [<Trans>Call</Trans>, transaction.holdId === "" ? undefined : <AppLink to={pathOf(`${parent}/calls/${transaction.holdId}`)}>{transaction.holdId}</AppLink>],
        [<Trans>Corrects</Trans>, corrected === "" ? undefined : <AppLink to={pathOf(corrected)}><Trans>ledger no. {idOf(corrected)}</Trans></AppLink>],
      ]}
    />
  );
}

function Postings({ postings }: { readonly postings: readonly CreditPosting[] }) {
  const { t } = useLingui();
  const accounts = {
    [CreditPosting_Account.UNSPECIFIED]: "", [CreditPosting_Account.CREDIT_POOL]: t`Credit pool`, [CreditPosting_Account.USAGE]: t`Usage`,
    [CreditPosting_Account.TOP_UPS]: t`Top-ups`, [CreditPosting_Account.ADJUSTMENTS]: t`Adjustments`,
  };
  const columns: readonly Column<CreditPosting>[] = [
    { id: "account", header: <Trans>Account</Trans>, cell: (posting) => accounts[posting.account] },
    { id: "amount", header: <Trans>Difference</Trans>, cell: (posting) => <Change nanoCredits={posting.amountNanoCredits} decimals={9} />, align: "right" },
  ];
  return <DataTable caption={t`Postings`} columns={columns} rows={postings} keyOf={(posting) => String(posting.account)} />;
}
