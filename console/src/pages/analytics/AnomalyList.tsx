import { callUnaryMethod, useSuspenseQuery, useTransport } from "@connectrpc/connect-query";
import { Anomalies, type Anomaly } from "@megarouter/admin";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Trans, useLingui } from "@lingui/react/macro";
import { Group, NativeSelect, SegmentedControl, Text } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";

import { allOf, idOf, quoted, within } from "../../api/names";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { pageSize, usePaging } from "../../hooks/paging";
import { useChangeSearch, useUsageQuestion } from "../../hooks/usage";
import { pathOf } from "../../paths";
import { CsvButton } from "../../table/CsvButton";
import { type Column, DataTable } from "../../table/DataTable";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { formatCredits } from "../../util/credits";
import { type CsvColumn, amountCell } from "../../util/csv";
import { AnomalyMoment, AnomalyVerdict, verdictKey } from "./anomalies";

const from = "/organizations/$organization/analytics/anomalies";
const mostPerPage = 1000;

/** Days and hours in which somebody spent far more than usual. */
export function AnomalyList() {
  const { t } = useLingui();
  const { show = "open", order = "time" } = useSearch({ from });
  const change = useChangeSearch();
  return (
    <Surface
      flush title={<Trans>Unusual spend</Trans>} hint={<Trans>Days and hours with far more spend than usual. What one explains is not listed beside it.</Trans>}
      actions={
        <Group gap="sm">
          <NativeSelect
            size="xs" aria-label={t`Order`} value={order} onChange={(event) => change({ order: event.currentTarget.value })}
            data={[{ value: "time", label: t`Latest first` }, { value: "excess", label: t`Largest first` }]}
          />
          <SegmentedControl size="xs" aria-label={t`Which anomalies`} value={show} onChange={(chosen) => change({ show: chosen })} data={[{ value: "open", label: t`Open` }, { value: "all", label: t`All` }]} />
          <AnomaliesCsv />
        </Group>
      }
    >
      <Part height={300}><Found /></Part>
    </Surface>
  );
}

/** What the list asks the service: the period, and the group, member or key of the address. Anomalies have no model or tag. */
function useQuestion(): { readonly parent: string; readonly filter: string; readonly orderBy: string } {
  const parent = useParent();
  const { show = "open", order = "time" } = useSearch({ from });
  const { selection, timeRange } = useUsageQuestion();
  const named = (field: string, collection: string, id: string | undefined): string => (id === undefined ? "" : `${field} = ${quoted(`${parent}/${collection}/${id}`)}`);
  return {
    parent,
    filter: allOf(
      within("start_time", timeRange),
      show === "open" ? "state = STATE_OPEN" : "", named("group", "groups", selection.group), named("member", "members", selection.member),
      named("service_account", "serviceAccounts", selection.serviceAccount), named("api_key", "apiKeys", selection.key),
    ),
    orderBy: order === "excess" ? "excess_nano_credits desc" : "start_time desc",
  };
}

function Found() {
  const { t } = useLingui();
  const language = useLanguage();
  const question = useQuestion();
  const paging = usePaging(JSON.stringify(question));
  const { data } = useSuspenseQuery(Anomalies.method.listAnomalies, { ...question, pageSize, pageToken: paging.token });
  if (data.anomalies.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>Nothing unusual</Trans>} step={<Trans>Each day is judged about a quarter of an hour after its end, by its own history of at least 7 days.</Trans>} command="megarouter anomalies list" />;
  }
  const columns: readonly Column<Anomaly>[] = [
    { id: "who", header: <Trans>Who</Trans>, cell: (one) => <><AppLink to={pathOf(one.name)} fw={500} className="cut">{one.scopeDisplayName || idOf(one.scope)}</AppLink><Text size="xs" c="dimmed"><ScopeKind scope={one.scope} /></Text></> },
    { id: "when", header: <Trans>When</Trans>, cell: (one) => <AnomalyMoment anomaly={one} /> },
    { id: "actual", header: <Trans>Spent</Trans>, cell: (one) => formatCredits(one.actualNanoCredits, language, 2), align: "right" },
    { id: "expected", header: <Trans>Usual</Trans>, cell: (one) => formatCredits(one.expectedNanoCredits, language, 2), align: "right", shown: "wide" },
    { id: "excess", header: <Trans>Beyond</Trans>, cell: (one) => formatCredits(one.excess?.excessNanoCredits ?? 0n, language, 2), align: "right", shown: "wide" },
    { id: "verdict", header: <Trans>What it was</Trans>, cell: (one) => <AnomalyVerdict anomaly={one} />, shown: "wide" },
  ];
  return (
    <>
      <DataTable caption={t`Unusual spend`} columns={columns} rows={data.anomalies} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken} />
    </>
  );
}

function ScopeKind({ scope }: { readonly scope: string }) {
  if (scope.includes("/groups/")) return <Trans>Group</Trans>;
  if (scope.includes("/apiKeys/")) return <Trans>Key</Trans>;
  return scope.includes("/serviceAccounts/") ? <Trans>Service account</Trans> : <Trans>Member</Trans>;
}

const cells: readonly CsvColumn<Anomaly>[] = [
  { header: "anomaly", cell: (one) => one.name },
  { header: "scope", cell: (one) => one.scope },
  { header: "scope_name", cell: (one) => one.scopeDisplayName, isText: true },
  { header: "start_utc", cell: (one) => (one.timeRange?.startTime === undefined ? "" : timestampDate(one.timeRange.startTime).toISOString()) },
  { header: "end_utc", cell: (one) => (one.timeRange?.endTime === undefined ? "" : timestampDate(one.timeRange.endTime).toISOString()) },
  { header: "actual_credits", cell: (one) => amountCell(one.actualNanoCredits) },
  { header: "expected_credits", cell: (one) => amountCell(one.expectedNanoCredits) },
  { header: "excess_credits", cell: (one) => amountCell(one.excess?.excessNanoCredits ?? 0n) },
  { header: "volume_credits", cell: (one) => amountCell(one.excess?.volumeNanoCredits ?? 0n) },
  { header: "size_credits", cell: (one) => amountCell(one.excess?.sizeNanoCredits ?? 0n) },
  { header: "price_credits", cell: (one) => amountCell(one.excess?.priceNanoCredits ?? 0n) },
  { header: "verdict", cell: verdictKey },
  { header: "note", cell: (one) => one.note, isText: true },
];

function AnomaliesCsv() {
  const transport = useTransport();
  const question = useQuestion();
  const { days } = useUsageQuestion();
  return (
    <CsvButton
      file="anomalies" days={days} columns={cells}
      pages={async (pageToken, signal) => {
        const { anomalies, nextPageToken } = await callUnaryMethod(transport, Anomalies.method.listAnomalies, { ...question, pageSize: mostPerPage, pageToken }, { signal });
        return { rows: anomalies, nextPageToken };
      }}
    />
  );
}
