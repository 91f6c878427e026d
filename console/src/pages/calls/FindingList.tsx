import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Usage, type UsageFinding, UsageFinding_Kind, UsageFinding_Source } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { NativeSelect, Text } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { pageSize, usePaging } from "../../hooks/paging";
import { useChangeSearch } from "../../hooks/usage";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";

const from = "/organizations/$organization/usageFindings";

const kinds = Object.values(UsageFinding_Kind).filter((one): one is UsageFinding_Kind => typeof one === "number" && one !== UsageFinding_Kind.UNSPECIFIED);

/** The word that a filter and the address have for a kind. */
function wordOf(kind: UsageFinding_Kind): string {
  return UsageFinding_Kind[kind].toLowerCase();
}

/** The calls whose usage report is not right, and what they were charged. */
export function FindingList() {
  const paths = pathsOf(useParent());
  const { t } = useLingui();
  const kindName = useKindName();
  const search = useSearch({ from });
  const change = useChangeSearch<typeof search>(true);
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Calls`, to: paths.calls }]} title={<Trans>Doubtful usage reports</Trans>}
        hint={<Trans>Calls whose provider reported counts that cannot be right, or that have no price. Each is charged as its report can be read at most.</Trans>}
        actions={
          <NativeSelect
            aria-label={t`What is not right`} value={search.kind ?? ""} onChange={(event) => change({ kind: event.currentTarget.value || undefined })}
            data={[{ value: "", label: t`Everything` }, ...kinds.map((one) => ({ value: wordOf(one), label: kindName(one) }))]}
          />
        }
      />
      <Surface flush><Part height={420}><Found /></Part></Surface>
    </>
  );
}

function Found() {
  const parent = useParent();
  const paths = pathsOf(parent);
  const { t } = useLingui();
  const language = useLanguage();
  const kindName = useKindName();
  const { kind } = useSearch({ from });
  const paging = usePaging(kind ?? "");
  const question = { parent, filter: kinds.some((one) => wordOf(one) === kind) ? `kinds : ${kind}` : "" };
  const { data } = useSuspenseQuery(Usage.method.listUsageFindings, { ...question, pageSize, pageToken: paging.token });
  if (data.usageFindings.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No doubtful reports</Trans>} step={<Trans>The usage reports of all calls that you may see are right.</Trans>} command="megarouter usage findings" />;
  }
  const columns: readonly Column<UsageFinding>[] = [
    { id: "time", header: <Trans>Time</Trans>, cell: (one) => <AppLink to={`${paths.calls}/${idOf(one.name)}`}><Time value={one.placeTime} /></AppLink> },
    {
      id: "kinds", header: <Trans>What is not right</Trans>,
      cell: (one) => <><Text size="sm" style={{ whiteSpace: "normal" }}>{one.kinds.map(kindName).join(" · ")}</Text><Text size="xs" c="dimmed" className="cut" title={one.reason}>{one.reason}</Text></>,
    },
    { id: "model", header: <Trans>Model</Trans>, cell: (one) => <span className="cut">{one.model.replace(/^models\//, "")}</span>, shown: "wide", narrow: true },
    { id: "who", header: <Trans>Who</Trans>, cell: (one) => <span className="cut">{one.ownerDisplayName || idOf(one.member || one.serviceAccount)}</span>, shown: "very-wide", narrow: true },
    { id: "source", header: <Trans>Counted by</Trans>, cell: (one) => (one.source === UsageFinding_Source.ESTIMATED ? <Trans>estimate</Trans> : <Trans>the provider</Trans>), shown: "very-wide" },
    { id: "charge", header: <Trans>Cost</Trans>, cell: (one) => formatCredits(one.chargeNanoCredits, language), align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Doubtful usage reports`} columns={columns} rows={data.usageFindings} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="usage-findings" method={Usage.method.listUsageFindings} request={question} /></Pager>
    </>
  );
}

function useKindName(): (kind: UsageFinding_Kind) => string {
  const { t } = useLingui();
  return (kind) =>
    ({
      [UsageFinding_Kind.UNSPECIFIED]: t`Unknown`, [UsageFinding_Kind.CONTRADICTORY_COUNTS]: t`Counts contradict each other`, [UsageFinding_Kind.UNREADABLE_COUNT]: t`A count is not a number`,
      [UsageFinding_Kind.UNREADABLE_REPORT]: t`The report cannot be read`, [UsageFinding_Kind.UNNAMED_OUTPUT]: t`The total has more than its parts`, [UsageFinding_Kind.IMPLAUSIBLE_SIZE]: t`More than the model can take or produce`,
      [UsageFinding_Kind.UNPRICED]: t`A part has no price`, [UsageFinding_Kind.UNKNOWN_MODEL]: t`Another model answered than the catalog has`,
    })[kind];
}
