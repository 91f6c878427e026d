import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Guardrails } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Badge, Group, SimpleGrid, Stack, Text } from "@mantine/core";

import { CallError } from "../../api/chat";
import { idOf } from "../../api/names";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Part } from "../../components/Part";
import { RefusalWords } from "../../components/refusals/RefusalWords";
import { budgetIn } from "../../components/refusals/refused";
import { useParent } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useRefusalReason } from "../../hooks/refusals";
import { pathOf, pathsOf } from "../../paths";
import { Amount } from "../../ui/Amount";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { Figure } from "../../ui/Figure";
import { SentenceGap } from "../../ui/SentenceGap";
import { Surface } from "../../ui/Surface";
import { formatCount, formatMilliseconds } from "../../util/numbers";
import type { Conversation } from "./conversation";

/** What the model says, and what is known of the call. */
export function Answer({ conversation }: { readonly conversation: Conversation }) {
  const { question, text, error, isRunning, answering } = conversation;
  if (question === undefined) return null;
  return (
    <>
      {error instanceof CallError ? <Refusal error={error} conversation={conversation} /> : error !== undefined && <ErrorNotice error={error} />}
      {(answering !== undefined || isRunning) && (
        <Surface title={<Trans>Answer</Trans>} actions={isRunning ? <Badge variant="light" radius="sm" tt="none"><Trans>Answering…</Trans></Badge> : undefined}>
          <Text style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere", lineHeight: 1.6 }} aria-live="polite" aria-busy={isRunning}>{text}</Text>
        </Surface>
      )}
      {answering !== undefined && <Facts conversation={conversation} />}
    </>
  );
}

function Facts({ conversation }: { readonly conversation: Conversation }) {
  const { t } = useLingui();
  const language = useLanguage();
  const { answering, reported, call, question } = conversation;
  const tokens = call === undefined ? reported : { inputTokens: Number(call.tokens?.inputTokenCount ?? 0n), outputTokens: Number(call.tokens?.outputTokenCount ?? 0n) };
  return (
    <Surface title={<Trans>The call</Trans>} actions={call !== undefined && <AppLink to={pathOf(call.name)}><Trans>All about it</Trans></AppLink>}>
      <SimpleGrid cols={{ base: 2, md: 4 }} spacing="lg">
        <Figure label={<Trans>Cost</Trans>} value={call === undefined ? "…" : <Amount nanoCredits={call.chargeNanoCredits} />} note={call === undefined ? <Trans>A second after its end</Trans> : undefined} />
        <Figure label={<Trans>Tokens</Trans>} value={tokens === undefined ? "…" : formatCount(tokens.inputTokens + tokens.outputTokens, language)} note={tokens === undefined ? undefined : <Trans>{formatCount(tokens.inputTokens, language)} in, {formatCount(tokens.outputTokens, language)} out</Trans>} />
        <Figure label={<Trans>Duration</Trans>} value={call?.durationMs === undefined ? "…" : formatMilliseconds(call.durationMs, language)} note={call?.timeToFirstByteMs === undefined ? undefined : <Trans>first byte after {formatMilliseconds(call.timeToFirstByteMs, language)}</Trans>} />
        <Figure label={<Trans>Answered by</Trans>} value={<Text fz="md" fw={600} className="cut">{answering?.servedModel || question?.model}</Text>} note={answering?.route === "" ? undefined : answering?.route.replaceAll("_", " ")} />
      </SimpleGrid>
      {answering !== undefined && answering.requestId !== "" && <Group gap="xs" mt="md"><Text size="sm" c="dimmed"><Trans>Request id</Trans></Text><Copyable text={answering.requestId} label={t`request id`} /></Group>}
    </Surface>
  );
}

/** Why the gateway or the provider refused, and which limit stopped the call. */
function Refusal({ error, conversation }: { readonly error: CallError; readonly conversation: Conversation }) {
  const { t } = useLingui();
  return (
    <Alert color="red" variant="light" role="alert" title={<Trans>The call was refused</Trans>}>
      <Stack gap="xs">
        <RefusalWords of={{ code: error.code, message: error.message, budget: budgetIn(error.limits), retryAfterS: error.retryAfterS }} />
        <Text size="sm" c="dimmed">{error.status}{error.code !== "" && ` · ${error.code}`}</Text>
        {conversation.keyName !== undefined && conversation.question !== undefined && <Part height={24}><Stopped name={conversation.keyName} modelName={conversation.question.model} /></Part>}
        {error.requestId !== "" && <Copyable text={error.requestId} label={t`request id`} />}
      </Stack>
    </Alert>
  );
}

function Stopped({ name, modelName }: { readonly name: string; readonly modelName: string }) {
  const { data } = useSuspenseQuery(Guardrails.method.explainAccess, { name, modelName });
  const { explain } = pathsOf(useParent());
  const reasonName = useRefusalReason();
  if (data.passes) return <Text size="sm"><Trans>No limit stops this call now. Send it again.</Trans></Text>;
  return (
    <Text size="sm">
      {data.stoppedBy === "" ? reasonName(data.reason) : <Trans>Stopped by the limits of <strong>{data.stoppedByDisplayName || data.stoppedBy}</strong>.</Trans>}<SentenceGap />
      <AppLink to={explain} search={{ key: idOf(name), model: modelName }}><Trans>Why was a call refused?</Trans></AppLink>
    </Text>
  );
}
