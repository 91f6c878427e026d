import { createClient } from "@connectrpc/connect";
import { useMutation, useSuspenseQuery, useTransport } from "@connectrpc/connect-query";
import { Analyses, type WriteAnalysisResponse } from "@megarouter/admin";
import { useMutation as usePlainMutation } from "@tanstack/react-query";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Group, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../../api/names";
import { queryClient } from "../../api/queries";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useUsageQuestion } from "../../hooks/usage";
import { Copyable } from "../../ui/Copyable";
import { EmptyState } from "../../ui/EmptyState";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";

const timeoutMs = 60_000;

/** Has a language model write about the usage of the period, with the figures of the service. */
export function Analysis() {
  const parent = useParent();
  const language = useLanguage();
  const { timeRange } = useUsageQuestion();
  const transport = useTransport();
  const write = usePlainMutation({
    mutationFn: () => createClient(Analyses, transport).writeAnalysis({ name: parent, timeRange, languageCode: language === "zh" ? "zh" : "en" }, { timeoutMs }),
  });
  return (
    <>
      <Surface
        title={<Trans>Written analysis</Trans>} hint={<Trans>The service computes the figures. A model writes the words around them, and sees neither figures nor names. Each text costs a call.</Trans>}
        actions={<Button onClick={() => write.mutate()} loading={write.isPending}>{write.data === undefined ? <Trans>Write</Trans> : <Trans>Write again</Trans>}</Button>}
      >
        {write.isError ? <ErrorNotice error={write.error} /> : write.data === undefined ? <Nothing isPending={write.isPending} /> : <Written answer={write.data} />}
      </Surface>
      <Part height={160}><Settings /></Part>
    </>
  );
}

function Nothing({ isPending }: { readonly isPending: boolean }) {
  if (isPending) return <Text size="sm" c="dimmed" role="status"><Trans>The model writes. This takes up to 30 seconds.</Trans></Text>;
  return <EmptyState title={<Trans>Nothing written yet</Trans>} step={<Trans>Choose a period, then “Write” above. Filters do not narrow it.</Trans>} command="megarouter usage analyze --since 30d" />;
}

function Written({ answer }: { readonly answer: WriteAnalysisResponse }) {
  const { t } = useLingui();
  return (
    <Stack gap="md">
      {!answer.writtenByModel && <Alert color="orange" variant="light" title={<Trans>A plain text of the gateway, not of the model</Trans>}>{answer.plainReason}</Alert>}
      {answer.text.split(/\n{2,}/).map((paragraph, index) => <Text key={index} lang={answer.languageCode} maw={760} style={{ whiteSpace: "pre-line", lineHeight: 1.65 }}>{paragraph}</Text>)}
      <Text size="sm" c="dimmed">
        {answer.model !== "" && <>{idOf(answer.model)} · </>}<Trans>true to ledger no. {String(answer.asOf?.ledgerPosition ?? 0n)}</Trans> · <Time value={answer.asOf?.readTime} />
      </Text>
      <details>
        <summary><Text span size="sm" c="dimmed"><Trans>The figures that a text may have</Trans></Text></summary>
        <SimpleGrid cols={{ base: 1, md: 2 }} mt="sm" spacing="xs" aria-label={t`Figures`}>
          {answer.figures.map((figure) => <Properties key={figure.placeholder} entries={[[<Text span inherit ff="monospace">{figure.placeholder}</Text>, figure.text]]} />)}
        </SimpleGrid>
      </details>
    </Stack>
  );
}

/** Which key pays and which model writes. Only those who may set them see them. */
function Settings() {
  const { t } = useLingui();
  const name = `${useParent()}/analysisSettings`;
  const { data } = useSuspenseQuery(Analyses.method.getAnalysisSettings, { name });
  const [key, setKey] = useState(idOf(data.apiKey));
  const [model, setModel] = useState(idOf(data.model));
  const parent = useParent();
  const configure = useMutation(Analyses.method.configureAnalysis, { onSuccess: () => void queryClient.invalidateQueries() });
  const submit = (event: React.FormEvent): void => {
    event.preventDefault();
    configure.mutate({ name, apiKey: key === "" ? "" : `${parent}/apiKeys/${key.trim()}`, model: model === "" ? "" : `models/${model.trim()}` });
  };
  const isSame = key === idOf(data.apiKey) && model === idOf(data.model);
  return (
    <Surface title={<Trans>Who writes and who pays</Trans>} hint={<Trans>The key gets a new secret that no one sees, and its earlier ones end. Use a key of a service account for nothing else.</Trans>}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <Group gap="md" align="flex-end">
            <TextInput label={t`Key of a service account`} placeholder="analysis-key" value={key} onChange={(event) => setKey(event.currentTarget.value)} />
            <TextInput label={t`Model`} placeholder="gpt-4o-mini" value={model} onChange={(event) => setModel(event.currentTarget.value)} />
            <Button type="submit" variant="default" loading={configure.isPending} disabled={isSame || (key === "") !== (model === "")}>{key === "" && data.apiKey !== "" ? <Trans>Write no more analyses</Trans> : <Trans>Save</Trans>}</Button>
          </Group>
          {configure.isError && <ErrorNotice error={configure.error} />}
          <Copyable text={`megarouter usage configure-analysis ${key || "KEY"} ${model || "MODEL"}`} label={t`the command`} />
        </Stack>
      </form>
    </Surface>
  );
}
