import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type CreditStatementEntry, type CreditStatementShare, CreditStatement_Breakdown, Credits } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { ActionIcon, Group, SegmentedControl, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { usePlace } from "../../hooks/account";
import { useTransactionKind } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { useNow } from "../../hooks/now";
import { useChangeSearch } from "../../hooks/usage";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { Amount } from "../../ui/Amount";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Figure } from "../../ui/Figure";
import { Icon } from "../../ui/Icon";
import { Surface } from "../../ui/Surface";
import { addMonths, formatMonth, isMonth, monthOf, startOfMonth } from "../../util/months";
import { formatCount } from "../../util/numbers";
import { Change } from "./Credit";
import { CreditFrame } from "./CreditFrame";

const from = "/organizations/$organization/creditStatement";

/** What moved in a month: the balance before, what came and went, the balance after. */
export function Statement() {
  return <CreditFrame><InMonth /></CreditFrame>;
}

function InMonth() {
  const { organization } = usePlace();
  const { t } = useLingui();
  const search = useSearch({ from });
  const present = monthOf(useNow(), organization.timeZone);
  const month = search.month !== undefined && search.month <= present ? search.month : present;
  const change = useChangeSearch<typeof search>();
  return (
    <Stack gap="lg">
      <Group justify="space-between" gap="sm">
        <Group gap="xs">
          <ActionIcon variant="default" size={36} aria-label={t`The month before`} onClick={() => change({ month: addMonths(month, -1) })}><Icon name="left" size={16} /></ActionIcon>
          <TextInput type="month" aria-label={t`Month`} value={month} max={present} w={170} onChange={(event) => isMonth(event.currentTarget.value) && change({ month: event.currentTarget.value })} />
          <ActionIcon variant="default" size={36} aria-label={t`The month after`} disabled={month === present} onClick={() => change({ month: addMonths(month, 1) })}><Icon name="right" size={16} /></ActionIcon>
        </Group>
        <SegmentedControl
          aria-label={t`Divide charges`} size="xs" value={search.by ?? "group"} onChange={(by) => change({ by: by === "member" ? "member" : undefined })}
          data={[{ value: "group", label: t`By group` }, { value: "member", label: t`By member` }]}
        />
      </Group>
      <Part height={420}><Found month={month} by={search.by ?? "group"} isPresent={month === present} /></Part>
    </Stack>
  );
}

function Found({ month, by, isPresent }: { readonly month: string; readonly by: "group" | "member"; readonly isPresent: boolean }) {
  const { account, organization } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const kindName = useTransactionKind();
  const { data } = useSuspenseQuery(Credits.method.getCreditStatement, {
    name: `${account.organization}/creditStatement`, breakdown: by === "group" ? CreditStatement_Breakdown.GROUP : CreditStatement_Breakdown.MEMBER,
    timeRange: {
      startTime: timestampFromDate(startOfMonth(month, organization.timeZone)),
      ...(isPresent ? {} : { endTime: timestampFromDate(startOfMonth(addMonths(month, 1), organization.timeZone)) }),
    },
  });
  const moved = data.closingBalanceNanoCredits - data.openingBalanceNanoCredits;
  const entries: readonly Column<CreditStatementEntry>[] = [
    { id: "kind", header: <Trans>Kind</Trans>, cell: (entry) => kindName(entry.kind) },
    { id: "count", header: <Trans>Transactions</Trans>, cell: (entry) => formatCount(entry.transactionCount, language), align: "right" },
    { id: "amount", header: <Trans>Amount</Trans>, cell: (entry) => <Change nanoCredits={entry.amountNanoCredits} decimals={2} />, align: "right" },
  ];
  const shares: readonly Column<CreditStatementShare>[] = [
    { id: "who", header: by === "group" ? <Trans>Group</Trans> : <Trans>Who</Trans>, cell: (share) => <Whose share={share} /> },
    { id: "count", header: <Trans>Charges</Trans>, cell: (share) => formatCount(share.transactionCount, language), align: "right", shown: "wide" },
    { id: "amount", header: <Trans>Amount</Trans>, cell: (share) => <Change nanoCredits={share.amountNanoCredits} />, align: "right" },
  ];
  return (
    <Stack gap="lg">
      <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="lg" className="surface" p={20}>
        <Figure label={<Trans>Balance at the start</Trans>} value={<Amount nanoCredits={data.openingBalanceNanoCredits} decimals={2} />} note={formatMonth(month, language)} />
        <Figure label={<Trans>Moved</Trans>} value={<Change nanoCredits={moved} decimals={2} />} note={<Trans>the sum of all transactions</Trans>} />
        <Figure label={isPresent ? <Trans>Balance now</Trans> : <Trans>Balance at the end</Trans>} value={<Amount nanoCredits={data.closingBalanceNanoCredits} decimals={2} />} />
      </SimpleGrid>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg" style={{ alignItems: "start" }}>
        <Surface flush title={<Trans>What moved</Trans>}>
          {data.entries.length === 0 ? <EmptyState title={<Trans>Nothing moved in this month</Trans>} step={<Trans>Choose another month.</Trans>} /> : <DataTable caption={t`What moved`} columns={entries} rows={data.entries} keyOf={(entry) => String(entry.kind)} />}
        </Surface>
        <Surface flush title={<Trans>Charges of calls</Trans>} hint={by === "group" ? <Trans>By the group whose member called</Trans> : <Trans>By member or service account</Trans>}>
          {data.shares.length === 0 ? <EmptyState title={<Trans>No calls were charged</Trans>} /> : <DataTable caption={t`Charges of calls`} columns={shares} rows={data.shares} keyOf={(share) => `${share.scope} ${share.isRemainder}`} />}
        </Surface>
      </SimpleGrid>
    </Stack>
  );
}

function Whose({ share }: { readonly share: CreditStatementShare }) {
  if (share.isRemainder) return <Text span inherit c="dimmed"><Trans>Others</Trans></Text>;
  if (share.scope === "") return <Text span inherit c="dimmed"><Trans>Without a group</Trans></Text>;
  const name = share.scopeDisplayName || idOf(share.scope);
  return share.scope.includes("/serviceAccounts/") ? <span className="cut">{name}</span> : <AppLink to={pathOf(share.scope)} className="cut">{name}</AppLink>;
}
