import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Catalog, type Model, VirtualModels } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, NativeSelect, NumberInput, Stack, Text, Textarea } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";
import { type FormEvent, type KeyboardEvent, useState } from "react";

import { Part } from "../../components/Part";
import { usePlace } from "../../hooks/account";
import { useChangeSearch } from "../../hooks/usage";
import { PageHeader } from "../../layouts/PageHeader";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Answer } from "./Answer";
import { useConversation } from "./conversation";

const endpoint = "chat_completions";
const mostModels = 1000;
const longestPrompt = 100_000;

/** Calls a model as the person, and shows what the call used, cost and went through. */
export function Playground() {
  return (
    <>
      <PageHeader title={<Trans>Playground</Trans>} hint={<Trans>Calls here are real: your limits apply and credit is charged. They use your key Playground, whose secret expires within an hour.</Trans>} />
      <Part height={420}><Bench /></Part>
    </>
  );
}

function Bench() {
  const { t } = useLingui();
  const { account } = usePlace();
  const { data } = useSuspenseQuery(Catalog.method.listUsableModels, { parent: account.member, pageSize: mostModels });
  const { model: wanted } = useSearch({ from: "/organizations/$organization/playground" });
  const change = useChangeSearch();
  const virtual = useVirtualModels();
  const plain = data.models.filter(serves).map((one) => one.name.replace(/^models\//, "")).sort();
  const model = wanted ?? virtual[0] ?? plain[0];
  const [prompt, setPrompt] = useState("");
  const [limit, setLimit] = useState(1000);
  const conversation = useConversation();
  if (model === undefined) return <Surface><EmptyState title={<Trans>You may call no model</Trans>} step={<Trans>Ask an admin above you for a wider whitelist.</Trans>} command="megarouter models list" /></Surface>;
  const send = (event: FormEvent | KeyboardEvent): void => {
    event.preventDefault();
    if (prompt.trim() !== "" && !conversation.isRunning) conversation.start({ model, prompt, maxOutputTokens: limit });
  };
  const others = wanted === undefined || plain.includes(wanted) || virtual.includes(wanted) ? [] : [wanted];
  return (
    <Stack gap="lg">
      <Surface>
        <form onSubmit={send}>
          <Stack gap="md">
            <Group gap="md" align="flex-end">
              <NativeSelect
                label={t`Model`} value={model} onChange={(event) => change({ model: event.currentTarget.value })} miw={240}
                data={[...others, ...(virtual.length > 0 ? [{ group: t`Virtual models`, items: [...virtual] }] : []), { group: t`Models`, items: plain }]}
              />
              <NumberInput label={t`Most output tokens`} value={limit} onChange={(value) => setLimit(Number(value) || 1)} min={1} max={100_000} allowDecimal={false} w={160} />
            </Group>
            <Textarea
              label={t`Prompt`} autosize minRows={4} maxRows={16} maxLength={longestPrompt} value={prompt} onChange={(event) => setPrompt(event.currentTarget.value)}
              onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(event); }}
            />
            <Group gap="sm">
              {conversation.isRunning ? <Button variant="default" onClick={conversation.stop}><Trans>Stop</Trans></Button> : <Button type="submit" disabled={prompt.trim() === ""}><Trans>Send</Trans></Button>}
              <Text size="sm" c="dimmed"><Trans>Ctrl Enter sends</Trans></Text>
            </Group>
          </Stack>
        </form>
      </Surface>
      <Answer conversation={conversation} />
    </Stack>
  );
}

function serves(model: Model): boolean {
  return model.endpoints.includes(endpoint) && !model.retired;
}

/** The names of virtual models, which have no group of their own or are in the person's reach. */
function useVirtualModels(): readonly string[] {
  const { account } = usePlace();
  const { data } = useSuspenseQuery(VirtualModels.method.listVirtualModels, { parent: account.organization, pageSize: mostModels });
  return data.virtualModels.map((one) => one.modelName).sort();
}
