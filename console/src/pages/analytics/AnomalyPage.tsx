import { useMutation, useSuspenseQuery } from "@connectrpc/connect-query";
import { Anomalies, type Anomaly, type AnomalyPart, Anomaly_Granularity, Anomaly_State, Anomaly_Verdict } from "@megarouter/admin";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Group, Radio, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../api/names";
import { queryClient } from "../../api/queries";
import { ErrorNotice } from "../../components/ErrorNotice";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useValueLabel } from "../../hooks/values";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { Amount } from "../../ui/Amount";
import { AppLink } from "../../ui/AppLink";
import { Figure } from "../../ui/Figure";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { dayOf } from "../../util/times";
import { AnomalyMoment, AnomalyVerdict } from "./anomalies";

/** Why a day or an hour was unusual, and what people say about it. */
export function AnomalyPage() {
  const { t } = useLingui();
  const { account } = usePlace();
  const { anomaly: id } = useParams({ from: "/organizations/$organization/anomalies/$anomaly" });
  const { data: anomaly } = useSuspenseQuery(Anomalies.method.getAnomaly, { name: `${account.organization}/anomalies/${id}` });
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Anomalies`, to: pathsOf(account.organization).anomalies }]} title={anomaly.scopeDisplayName || idOf(anomaly.scope)}
        hint={<><AnomalyMoment anomaly={anomaly} /> · {anomaly.granularity === Anomaly_Granularity.HOUR ? <Trans>one hour</Trans> : <Trans>a whole day</Trans>}</>}
        actions={<AnomalyVerdict anomaly={anomaly} />}
      />
      <Stack gap="lg">
        {anomaly.state === Anomaly_State.WITHDRAWN && <Alert color="gray" variant="light"><Trans>Late calls or corrections changed the figures, and this is no longer unusual.</Trans></Alert>}
        <Amounts anomaly={anomaly} />
        <Surface title={<Trans>Why</Trans>} hint={<Trans>What was spent beyond the usual amount, split exactly</Trans>} actions={<ToCalls anomaly={anomaly} />}><Reasons anomaly={anomaly} /></Surface>
        <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
          <Parts title={t`By model`} parts={anomaly.models} />
          <Parts title={t`By key`} parts={anomaly.apiKeys} />
          {anomaly.members.length > 0 && <Parts title={t`By member`} parts={anomaly.members} />}
          <Explained anomaly={anomaly} />
        </SimpleGrid>
        {anomaly.state !== Anomaly_State.WITHDRAWN && <Judge key={anomaly.etag} anomaly={anomaly} />}
      </Stack>
    </>
  );
}

function Amounts({ anomaly }: { readonly anomaly: Anomaly }) {
  const language = useLanguage();
  const low = formatCredits(anomaly.lowestUsualNanoCredits, language, 2);
  const high = formatCredits(anomaly.highestUsualNanoCredits, language, 2);
  return (
    <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="lg" className="surface" p={20}>
      <Figure label={<Trans>Spent</Trans>} value={<Amount nanoCredits={anomaly.actualNanoCredits} decimals={2} />} note={<AppLink to={pathOf(anomaly.scope)}><Trans>View details</Trans></AppLink>} />
      <Figure label={<Trans>Usual</Trans>} value={<Amount nanoCredits={anomaly.expectedNanoCredits} decimals={2} />} note={<span className="figures"><Trans>{low} to {high} would have been usual</Trans></span>} />
      <Figure label={<Trans>Beyond</Trans>} value={<Amount nanoCredits={anomaly.excess?.excessNanoCredits ?? 0n} decimals={2} c="red" />} />
    </SimpleGrid>
  );
}

function Reasons({ anomaly }: { readonly anomaly: Anomaly }) {
  const excess = anomaly.excess;
  if (excess === undefined) return null;
  return (
    <SimpleGrid cols={{ base: 1, xs: 3 }} spacing="lg">
      <Figure label={<Trans>More calls</Trans>} value={<Amount nanoCredits={excess.volumeNanoCredits} decimals={2} />} note={<Trans>than usual</Trans>} />
      <Figure label={<Trans>Larger calls</Trans>} value={<Amount nanoCredits={excess.sizeNanoCredits} decimals={2} />} note={<Trans>more tokens in a call</Trans>} />
      <Figure label={<Trans>Pricier tokens</Trans>} value={<Amount nanoCredits={excess.priceNanoCredits} decimals={2} />} note={<Trans>mostly other models</Trans>} />
    </SimpleGrid>
  );
}

/** The calls of the day, with the same scope. */
function ToCalls({ anomaly }: { readonly anomaly: Anomaly }) {
  const { account, organization } = usePlace();
  const start = anomaly.timeRange?.startTime;
  if (start === undefined) return null;
  const day = dayOf(timestampDate(start), organization.timeZone);
  const narrowings = { groups: "group", members: "member", serviceAccounts: "serviceAccount", apiKeys: "key" } as const;
  const narrowing = narrowings[(anomaly.scope.split("/")[2] ?? "") as keyof typeof narrowings];
  return <AppLink to={pathsOf(account.organization).calls} search={{ from: day, to: day, [narrowing]: idOf(anomaly.scope) }}><Trans>Calls of the day</Trans></AppLink>;
}

function Parts({ title, parts }: { readonly title: string; readonly parts: readonly AnomalyPart[] }) {
  const language = useLanguage();
  const labelOf = useValueLabel();
  const { t } = useLingui();
  const columns: readonly Column<AnomalyPart>[] = [
    { id: "what", header: <Trans>Name</Trans>, cell: (part) => <span className="cut">{part.isOther ? t`All others` : part.value === undefined ? "" : labelOf(part.value)}</span> },
    { id: "volume", header: <Trans>More calls</Trans>, cell: (part) => formatCredits(part.volumeNanoCredits, language, 2), align: "right", shown: "very-wide" },
    { id: "size", header: <Trans>Larger calls</Trans>, cell: (part) => formatCredits(part.sizeNanoCredits, language, 2), align: "right", shown: "very-wide" },
    { id: "price", header: <Trans>Pricier tokens</Trans>, cell: (part) => formatCredits(part.priceNanoCredits, language, 2), align: "right", shown: "very-wide" },
    { id: "excess", header: <Trans>Beyond</Trans>, cell: (part) => formatCredits(part.excessNanoCredits, language, 2), align: "right" },
  ];
  return <Surface flush title={title}><DataTable caption={title} columns={columns} rows={parts} keyOf={(part) => (part.isOther ? "other" : (part.value?.value ?? ""))} /></Surface>;
}

function Explained({ anomaly }: { readonly anomaly: Anomaly }) {
  if (anomaly.explainedScopes.length === 0) return null;
  return (
    <Surface title={<Trans>Also unusual, and explained by this</Trans>}>
      <Stack gap={6}>{anomaly.explainedScopes.map((scope) => <AppLink key={scope} to={pathOf(scope)} className="cut">{idOf(scope)}</AppLink>)}</Stack>
    </Surface>
  );
}

const verdicts = { planned: Anomaly_Verdict.PLANNED, wrong: Anomaly_Verdict.WRONG, right: Anomaly_Verdict.RIGHT } as const;
const mostNoteBytes = 500;

/** Takes what the person says it was. The service says who may. */
function Judge({ anomaly }: { readonly anomaly: Anomaly }) {
  const { t } = useLingui();
  const said = Object.entries(verdicts).find(([, verdict]) => verdict === anomaly.verdict)?.[0] ?? "";
  const [verdict, setVerdict] = useState(said);
  const [note, setNote] = useState(anomaly.note);
  const acknowledge = useMutation(Anomalies.method.acknowledgeAnomaly, { onSuccess: () => void queryClient.invalidateQueries() });
  const isTooLong = new TextEncoder().encode(note).length > mostNoteBytes;
  const submit = (event: React.FormEvent): void => {
    event.preventDefault();
    acknowledge.mutate({ name: anomaly.name, verdict: verdicts[verdict as keyof typeof verdicts], note, etag: anomaly.etag });
  };
  return (
    <Surface
      title={<Trans>What was it?</Trans>}
      hint={anomaly.acknowledgeTime === undefined ? <Trans>Your answer affects how later days are judged.</Trans> : <Trans>{anomaly.acknowledgerDisplayName} answered <Time value={anomaly.acknowledgeTime} ago />. A new answer replaces it.</Trans>}
    >
      <form onSubmit={submit}>
        <Stack gap="md">
          <Radio.Group value={verdict} onChange={setVerdict} aria-label={t`What was it?`}>
            <Stack gap="xs">
              <Radio value="planned" label={t`Planned`} description={t`It was intended. A similar day will be reported again.`} />
              <Radio value="wrong" label={t`A false alarm`} description={t`It counts as usual from now on, and later days must stand out more.`} />
              <Radio value="right" label={t`A real anomaly`} description={t`It was right to report it.`} />
            </Stack>
          </Radio.Group>
          <TextInput label={t`Note for others`} value={note} error={isTooLong ? t`At most 500 bytes` : undefined} onChange={(event) => setNote(event.currentTarget.value)} maw={520} />
          {acknowledge.isError && <ErrorNotice error={acknowledge.error} />}
          <Group gap="sm">
            <Button type="submit" loading={acknowledge.isPending} disabled={verdict === "" || isTooLong || (verdict === said && note === anomaly.note)}><Trans>Save the answer</Trans></Button>
            {verdict === "" && <Text size="sm" c="dimmed"><Trans>Choose an answer first.</Trans></Text>}
          </Group>
        </Stack>
      </form>
    </Surface>
  );
}
