import { createClient } from "@connectrpc/connect";
import { useMutation, useTransport } from "@connectrpc/connect-query";
import { useMutation as usePlainMutation } from "@tanstack/react-query";
import { type UsageExport, UsageExportFormat, UsageExport_State, UsageExports } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, Text } from "@mantine/core";
import { useState } from "react";

import { messageOf } from "../../api/errors";
import { queryClient } from "../../api/queries";
import { Confirmation } from "../../components/Confirmation";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { formatPercent } from "../../util/numbers";
import { saveFile, sha256 } from "../../util/files";
import { Share } from "./Share";
import { fileNameOf } from "./file_name";

const reload = (): void => void queryClient.invalidateQueries();

/** Downloads, cancels and deletes an export. */
export function ExportActions({ one }: { readonly one: UsageExport }) {
  const isOpen = one.state === UsageExport_State.QUEUED || one.state === UsageExport_State.RUNNING;
  return (
    <Group gap={6} justify="flex-end">
      {isOpen && <Cancel one={one} />}
      {one.state === UsageExport_State.SUCCEEDED && one.format === UsageExportFormat.PDF && <Share one={one} />}
      {one.state === UsageExport_State.SUCCEEDED && <Download one={one} />}
      {!isOpen && <Delete one={one} />}
    </Group>
  );
}

function Cancel({ one }: { readonly one: UsageExport }) {
  const cancel = useMutation(UsageExports.method.cancelUsageExport, { onSuccess: reload });
  return (
    <>
      {cancel.isError && <Text size="xs" c="red" role="alert">{messageOf(cancel.error)}</Text>}
      <Button size="xs" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate({ name: one.name })}><Trans>Cancel</Trans></Button>
    </>
  );
}

/** Downloads the file part by part, and compares it with what the service made. */
function Download({ one }: { readonly one: UsageExport }) {
  const { t } = useLingui();
  const language = useLanguage();
  const { timeZone } = usePlace().organization;
  const transport = useTransport();
  const [parts, setParts] = useState(0);
  const download = usePlainMutation({
    mutationFn: async () => {
      const client = createClient(UsageExports, transport);
      const content = new Uint8Array(Number(one.sizeBytes));
      let at = 0;
      for (let part = 0; part < one.partCount; part++) {
        const answer = await client.downloadUsageExport({ name: one.name, part });
        content.set(answer.content, at);
        at += answer.content.length;
        setParts(part + 1);
      }
      const digest = await sha256(content);
      if (at !== content.length || (digest !== undefined && digest !== one.sha256)) throw new Error(t`The file arrived damaged. Download it again.`);
      const [extension, type] = one.format === UsageExportFormat.PDF ? ["pdf", "application/pdf"] as const : ["csv", "text/csv"] as const;
      saveFile(fileNameOf(one, timeZone, extension), [content], type);
    },
  });
  return (
    <>
      {download.isError && <Text size="xs" c="red" role="alert">{messageOf(download.error)}</Text>}
      <Button size="xs" disabled={download.isPending} onClick={() => download.mutate()} aria-live="polite">
        {download.isPending ? formatPercent((parts * 100) / Math.max(one.partCount, 1), language) : <Trans>Download</Trans>}
      </Button>
    </>
  );
}

function Delete({ one }: { readonly one: UsageExport }) {
  const [opened, setOpened] = useState(false);
  const { timeZone } = usePlace().organization;
  const remove = useMutation(UsageExports.method.deleteUsageExport, { onSuccess: reload });
  return (
    <>
      <Button size="xs" variant="subtle" color="red" onClick={() => setOpened(true)}><Trans>Delete</Trans></Button>
      <Confirmation
        opened={opened} close={() => setOpened(false)} title={<Trans>Delete this export?</Trans>} about={fileNameOf(one, timeZone, one.format === UsageExportFormat.PDF ? "pdf" : "csv")} verb={<Trans>Delete</Trans>} danger mutation={remove}
        confirm={() => remove.mutate({ name: one.name })}
      >
        <Trans>Its file is deleted, and its links end. Files that were downloaded stay.</Trans>
      </Confirmation>
    </>
  );
}
