import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Call, Usage, UsageStatus } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, CloseButton, Group, NativeSelect } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { PeriodChoice } from "../../components/PeriodChoice";
import { usePlace } from "../../hooks/account";
import { useCallStatus } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { useNow } from "../../hooks/now";
import { pageSize, usePaging } from "../../hooks/paging";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { formatCount, formatMilliseconds } from "../../util/numbers";
import { startOf } from "../../util/times";

const from = "/organizations/$organization/calls";
const statuses = { settled: UsageStatus.SETTLED, failed: UsageStatus.VOIDED, unconfirmed: UsageStatus.EXPIRED } as const;

export function CallList() {
  const { t } = useLingui();
  const search = useSearch({ from });
  const navigate = useNavigate({ from });
  const change = (part: Partial<typeof search>): void => void navigate({ to: ".", search: (now) => ({ ...now, ...part }) });
  const narrowed = (["model", "member", "key", "group"] as const).filter((name) => search[name] !== undefined);
  return (
    <>
      <PageHeader
        title={<Trans>Calls</Trans>} hint={<Trans>A call is here about a second after its end.</Trans>}
        actions={
          <Group gap="sm">
            <NativeSelect
              aria-label={t`Status`} value={search.status ?? ""} onChange={(event) => change({ status: (event.currentTarget.value || undefined) as keyof typeof statuses | undefined })}
              data={[{ value: "", label: t`Every status` }, { value: "settled", label: t`Charged` }, { value: "failed", label: t`Failed` }, { value: "unconfirmed", label: t`Unconfirmed` }]}
            />
            <PeriodChoice value={search.period ?? "7d"} onChange={(period) => change({ period })} />
          </Group>
        }
      />
      {narrowed.length > 0 && (
        <Group gap="xs" mb="md">
          {narrowed.map((name) => (
            <Badge key={name} variant="light" radius="sm" size="lg" tt="none" rightSection={<CloseButton size="xs" aria-label={t`Remove ${search[name] ?? ""}`} onClick={() => change({ [name]: undefined })} />}>
              {search[name]}
            </Badge>
          ))}
        </Group>
      )}
      <Surface flush><Part height={420}><Found /></Part></Surface>
    </>
  );
}

function Found() {
  const { account, organization } = usePlace();
  const { t } = useLingui();
  const language = useLanguage();
  const statusName = useCallStatus();
  const search = useSearch({ from });
  const paging = usePaging(JSON.stringify(search));
  const parent = account.organization;
  const named = (collection: string, id: string | undefined): string[] => (id === undefined ? [] : [`${parent}/${collection}/${id}`]);
  const { data } = useSuspenseQuery(Usage.method.listCalls, {
    parent, pageSize, pageToken: paging.token,
    timeRange: { startTime: startOf(search.period ?? "7d", useNow(), organization.timeZone) },
    usageFilter: {
      models: search.model === undefined ? [] : [`models/${search.model}`], members: named("members", search.member), apiKeys: named("apiKeys", search.key),
      groups: named("groups", search.group), statuses: search.status === undefined ? [] : [statuses[search.status]],
    },
  });
  if (data.calls.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No calls</Trans>} step={<Trans>Choose a longer period or remove a filter. Calls with your keys appear here.</Trans>} command="megarouter usage calls" />;
  }
  const columns: readonly Column<Call>[] = [
    { id: "time", header: <Trans>Time</Trans>, cell: (call) => <AppLink to={pathOf(call.name)}><Time value={call.placeTime} /></AppLink> },
    { id: "model", header: <Trans>Model</Trans>, cell: (call) => <span className="cut">{call.model.replace(/^models\//, "")}</span> },
    { id: "who", header: <Trans>Who</Trans>, cell: (call) => <span className="cut">{call.ownerDisplayName || idOf(call.member || call.serviceAccount)}</span>, shown: "wide" },
    { id: "key", header: <Trans>Key</Trans>, cell: (call) => <span className="cut">{call.apiKeyDisplayName || idOf(call.apiKey)}</span>, shown: "very-wide" },
    { id: "status", header: <Trans>Status</Trans>, cell: (call) => <Badge variant="light" radius="sm" tt="none" color={colorOf(call.status)}>{statusName(call.status)}</Badge>, shown: "wide" },
    { id: "tokens", header: <Trans>Tokens</Trans>, cell: (call) => formatCount(call.tokenCount, language), align: "right", shown: "very-wide" },
    { id: "duration", header: <Trans>Duration</Trans>, cell: (call) => (call.durationMs === undefined ? "—" : formatMilliseconds(call.durationMs, language)), align: "right", shown: "very-wide" },
    { id: "charge", header: <Trans>Cost</Trans>, cell: (call) => formatCredits(call.chargeNanoCredits, language), align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Calls`} columns={columns} rows={data.calls} keyOf={(call) => call.name} />
      <Pager paging={paging} nextToken={data.nextPageToken} />
    </>
  );
}

export function colorOf(status: UsageStatus): string {
  return { [UsageStatus.UNSPECIFIED]: "gray", [UsageStatus.SETTLED]: "teal", [UsageStatus.VOIDED]: "red", [UsageStatus.EXPIRED]: "orange" }[status];
}
