import { useSuspenseQuery, useTransport, callUnaryMethod } from "@connectrpc/connect-query";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Analytics, type QueryUsageRequestSchema, type UsageGroup } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";

import { useLanguage } from "../../hooks/language";
import { useParent } from "../../hooks/account";
import { useUsageQuestion } from "../../hooks/usage";
import { useValueLabel } from "../../hooks/values";
import { pathsOf } from "../../paths";
import { CsvButton } from "../../table/CsvButton";
import { type Column, DataTable } from "../../table/DataTable";
import { AppLink } from "../../ui/AppLink";
import { Surface } from "../../ui/Surface";
import { formatCredits } from "../../util/credits";
import { type CsvColumn, amountCell } from "../../util/csv";
import { changePercent, formatCount, formatPercent } from "../../util/numbers";
import type { Selection } from "../../util/selection";
import { isTag, keyOfGroup, selectionOfGroup, tagOf } from "./exploring";

const mostShown = 25;
const mostExported = 1000;

interface ExploreTableProps {
  readonly question: MessageInitShape<typeof QueryUsageRequestSchema>;
  readonly divisions: readonly string[];
  readonly selection: Selection;
}

/** The groups of an answer with all their measures. */
export function ExploreTable({ question, divisions, selection }: ExploreTableProps) {
  const { t } = useLingui();
  const language = useLanguage();
  const labelOf = useValueLabel();
  const { calls } = pathsOf(useParent());
  const { days } = useUsageQuestion();
  const divisionName = useDivisionName();
  const transport = useTransport();
  const wanted = { ...question, compareWithPrevious: true };
  const { data } = useSuspenseQuery(Analytics.method.queryUsage, { ...wanted, limit: mostShown });
  const whole = data.total?.chargeNanoCredits ?? 0n;
  const value = (group: UsageGroup, index: number): string => {
    const one = group.values[index];
    return group.isOther ? (index === 0 ? t`All others` : "") : one === undefined ? "" : labelOf(one, divisions[index]);
  };
  const columns: readonly Column<UsageGroup>[] = [
    ...divisions.map((division, index) => ({
      id: division, header: divisionName(division),
      cell: (group: UsageGroup) => {
        const narrowed = selectionOfGroup(selection, divisions, group);
        return index > 0 || narrowed === undefined ? <span className="cut">{value(group, index)}</span> : <AppLink to={calls} search={narrowed} className="cut">{value(group, index)}</AppLink>;
      },
    })),
    { id: "calls", header: <Trans>Calls</Trans>, cell: (group) => formatCount(group.total?.callCount ?? 0n, language), align: "right", shown: "wide" },
    { id: "failed", header: <Trans>Failed calls</Trans>, cell: (group) => formatCount(group.total?.voidedCallCount ?? 0n, language), align: "right", shown: "very-wide" },
    { id: "tokens", header: <Trans>Tokens</Trans>, cell: (group) => formatCount(group.total?.tokenCount ?? 0n, language), align: "right", shown: "wide" },
    { id: "spend", header: <Trans>Spend</Trans>, cell: (group) => formatCredits(group.total?.chargeNanoCredits ?? 0n, language), align: "right" },
    { id: "share", header: <Trans>Share</Trans>, cell: (group) => shareOf(group, whole, language), align: "right", shown: "wide" },
    { id: "change", header: <Trans>Difference</Trans>, cell: (group) => changeOf(group, language), align: "right", shown: "very-wide" },
  ];
  const cells: readonly CsvColumn<UsageGroup>[] = [
    ...divisions.flatMap((division, index) => {
      const id = (group: UsageGroup): string => group.values[index]?.value ?? "";
      if (isTag(division)) return [{ header: division, cell: id, isText: true }];
      return [{ header: `${division}_id`, cell: id }, { header: `${division}_name`, cell: (group: UsageGroup) => group.values[index]?.displayName ?? "", isText: true }];
    }),
    { header: "is_other", cell: (group) => String(group.isOther) },
    { header: "calls", cell: (group) => String(group.total?.callCount ?? 0n) },
    { header: "failed_calls", cell: (group) => String(group.total?.voidedCallCount ?? 0n) },
    { header: "input_tokens", cell: (group) => String(group.total?.tokens?.inputTokenCount ?? 0n) },
    { header: "output_tokens", cell: (group) => String(group.total?.tokens?.outputTokenCount ?? 0n) },
    { header: "charge_credits", cell: (group) => amountCell(group.total?.chargeNanoCredits ?? 0n) },
    { header: "baseline_credits", cell: (group) => amountCell(group.total?.baselineNanoCredits ?? 0n) },
  ];
  const pages = async () => {
    const { groups } = await callUnaryMethod(transport, Analytics.method.queryUsage, { ...wanted, limit: mostExported });
    return { rows: groups, nextPageToken: "" };
  };
  return (
    <Surface flush title={<Trans>As a list</Trans>} hint={<><Trans>of {formatCount(data.groupCount, language)}</Trans>{divisions.includes("group") && <> · <Trans>Each group without those below it. “Group on level 1” has the totals.</Trans></>}</>} actions={<CsvButton file="usage" days={days} columns={cells} pages={pages} />}>
      <DataTable caption={t`As a list`} columns={columns} rows={data.groups} keyOf={keyOfGroup} />
    </Surface>
  );
}

function useDivisionName(): (division: string) => string {
  const { t } = useLingui();
  const names: Readonly<Record<string, string>> = {
    model: t`Model`, member: t`Member`, key: t`Key`, group: t`Group`, "group-1": t`Group on level 1`, "group-2": t`Group on level 2`,
    "group-3": t`Group on level 3`, "group-4": t`Group on level 4`, provider: t`Provider`, endpoint: t`Endpoint`, status: t`Status`,
  };
  return (division) => names[division] ?? tagOf(division);
}

function shareOf(group: UsageGroup, whole: bigint, language: string): string {
  return whole <= 0n ? "—" : formatPercent(Number(((group.total?.chargeNanoCredits ?? 0n) * 10_000n) / whole) / 100, language, 1);
}

function changeOf(group: UsageGroup, language: string): string {
  const change = changePercent(group.total?.chargeNanoCredits ?? 0n, group.previousTotal?.chargeNanoCredits ?? 0n);
  return change === undefined ? "—" : `${change > 0 ? "+" : ""}${formatPercent(change, language)}`;
}
