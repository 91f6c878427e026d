import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Call, Call_CheckedLimit_Kind, type Call_PriceLine, Usage } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Badge, SimpleGrid, Stack, Text } from "@mantine/core";
import { useParams } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { usePlace } from "../../hooks/account";
import { useCallStatus } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { AppLink } from "../../ui/AppLink";
import { Amount } from "../../ui/Amount";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { formatCount, formatMilliseconds } from "../../util/numbers";
import { colorOf } from "./CallList";

export function CallPage() {
  const { account } = usePlace();
  const { t } = useLingui();
  const statusName = useCallStatus();
  const { call: id } = useParams({ from: "/organizations/$organization/calls/$call" });
  const { data: call } = useSuspenseQuery(Usage.method.getCall, { name: `${account.organization}/calls/${id}` });
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Calls`, to: pathsOf(account.organization).calls }]} title={call.model.replace(/^models\//, "")} hint={<Time value={call.placeTime} />}
        actions={<Badge variant="light" radius="sm" size="lg" tt="none" color={colorOf(call.status)}>{statusName(call.status)}</Badge>}
      />
      <Stack gap="lg">
        {call.finding !== undefined && <Alert color="orange" variant="light" title={<Trans>Its usage report was not valid</Trans>}>{call.finding.reason}</Alert>}
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>The call</Trans>}><Facts call={call} /></Surface>
          <Surface title={<Trans>Tokens</Trans>}><Tokens call={call} /></Surface>
        </SimpleGrid>
        <Surface flush title={<Trans>What it cost</Trans>} actions={<Text fw={650}><Amount nanoCredits={call.chargeNanoCredits} /></Text>}><Lines lines={call.priceLines} /></Surface>
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>Credit</Trans>}><Transfers call={call} /></Surface>
          <Surface title={<Trans>Limits it was checked against</Trans>}><Limits call={call} /></Surface>
        </SimpleGrid>
      </Stack>
    </>
  );
}

function Facts({ call }: { readonly call: Call }) {
  const { t } = useLingui();
  const language = useLanguage();
  const owner = call.member || call.serviceAccount;
  return (
    <Properties
      entries={[
        [<Trans>Id</Trans>, <Copyable text={idOf(call.name)} label={t`id`} />],
        [<Trans>Who</Trans>, call.member === "" ? call.ownerDisplayName || idOf(owner) : <AppLink to={pathOf(call.member)}>{call.ownerDisplayName || idOf(owner)}</AppLink>],
        [<Trans>Key</Trans>, <AppLink to={pathOf(call.apiKey)}>{call.apiKeyDisplayName || idOf(call.apiKey)}</AppLink>],
        [<Trans>Groups</Trans>, call.groupDisplayNames.length === 0 ? undefined : call.groupDisplayNames.join(" › ")],
        [<Trans>Endpoint</Trans>, call.streamed ? t`${call.endpoint}, streamed` : call.endpoint],
        [<Trans>Provider</Trans>, idOf(call.provider)],
        [<Trans>Answered by</Trans>, call.deployment || call.answeredModel || undefined],
        [<Trans>Tried before</Trans>, call.failedAttempts.length === 0 ? undefined : call.failedAttempts.join(", ")],
        [<Trans>Ended as</Trans>, `${call.detail.replaceAll("_", " ")}${call.httpStatus > 0 ? ` (${call.httpStatus})` : ""}`],
        [<Trans>First byte</Trans>, call.timeToFirstByteMs === undefined ? undefined : formatMilliseconds(call.timeToFirstByteMs, language)],
        [<Trans>Duration</Trans>, call.durationMs === undefined ? undefined : formatMilliseconds(call.durationMs, language)],
        [<Trans>Tags</Trans>, Object.keys(call.tags).length === 0 ? undefined : Object.entries(call.tags).map(([name, value]) => `${name}=${value}`).join(", ")],
        [<Trans>Request id</Trans>, call.requestId === "" ? undefined : <Copyable text={call.requestId} label={t`request id`} />],
        [<Trans>Trace</Trans>, call.traceId === "" ? undefined : <Copyable text={call.traceId} label={t`trace id`} />],
      ]}
    />
  );
}

function Tokens({ call }: { readonly call: Call }) {
  const language = useLanguage();
  const tokens = call.tokens;
  const some = (count: bigint | undefined): string | undefined => (count === undefined || count === 0n ? undefined : formatCount(count, language));
  return (
    <Properties
      entries={[
        [<Text span inherit fw={600}><Trans>Total</Trans></Text>, <Text span inherit fw={600}>{formatCount(call.tokenCount, language)}</Text>],
        [<Trans>Input</Trans>, some(tokens?.inputTokenCount)],
        [<Trans>— read from a cache</Trans>, some(tokens?.cacheReadTokenCount)],
        [<Trans>— written to a cache</Trans>, some((tokens?.cacheWrite5mTokenCount ?? 0n) + (tokens?.cacheWrite1hTokenCount ?? 0n))],
        [<Trans>— audio</Trans>, some(tokens?.audioInputTokenCount)],
        [<Trans>— images</Trans>, some(tokens?.imageInputTokenCount)],
        [<Trans>Output</Trans>, some(tokens?.outputTokenCount)],
        [<Trans>— to reason</Trans>, some(tokens?.reasoningTokenCount)],
        [<Trans>— spoken</Trans>, some(tokens?.audioOutputTokenCount)],
      ]}
    />
  );
}

function Lines({ lines }: { readonly lines: readonly Call_PriceLine[] }) {
  const { t } = useLingui();
  const language = useLanguage();
  if (lines.length === 0) return <Text size="sm" c="dimmed" p={20} pt={0}><Trans>It cost nothing.</Trans></Text>;
  const columns: readonly Column<Call_PriceLine>[] = [
    { id: "what", header: <Trans>What</Trans>, cell: (line) => line.category.replace(/^fee:/, "").replaceAll("_", " ") },
    { id: "count", header: <Trans>Count</Trans>, cell: (line) => formatCount(line.count, language), align: "right" },
    { id: "price", header: <Trans>Price</Trans>, cell: (line) => (line.category.startsWith("fee:") ? t`${formatCredits(line.priceNanoCredits, language)} each` : t`${formatCredits(line.priceNanoCredits, language)} per million`), align: "right" },
    { id: "amount", header: <Trans>Amount</Trans>, cell: (line) => formatCredits(line.amountNanoCredits, language, 9), align: "right" },
  ];
  return <DataTable caption={t`What it cost`} columns={columns} rows={lines} keyOf={(line) => line.category} />;
}

function Transfers({ call }: { readonly call: Call }) {
  const { t } = useLingui();
  const language = useLanguage();
  return (
    <Properties
      entries={[
        [<Trans>Held while it ran</Trans>, <Amount nanoCredits={call.holdNanoCredits} />],
        ...call.transfers.map((transfer) => [
          <>{transfer.isCorrection ? t`Correction` : t`Charge`} <Time value={transfer.createTime} /></>,
          t`${formatCredits(transfer.chargeNanoCredits, language)}, ledger no. ${idOf(transfer.creditTransaction)}`,
        ] as const),
      ]}
    />
  );
}

function Limits({ call }: { readonly call: Call }) {
  const { t } = useLingui();
  if (call.checkedLimits.length === 0) return <Text size="sm" c="dimmed"><Trans>None is recorded.</Trans></Text>;
  const kinds = {
    [Call_CheckedLimit_Kind.UNSPECIFIED]: "", [Call_CheckedLimit_Kind.BUDGET]: t`Budget`, [Call_CheckedLimit_Kind.TOKENS]: t`Tokens per minute`,
    [Call_CheckedLimit_Kind.CONCURRENT_CALLS]: t`Concurrent calls`,
  };
  return <Properties entries={call.checkedLimits.map((limit) => [idOf(limit.guardrail), [kinds[limit.kind], limit.models].filter((part) => part !== "").join(", ")] as const)} />;
}
