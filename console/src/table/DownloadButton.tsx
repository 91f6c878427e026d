import { useMutation } from "@tanstack/react-query";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, Loader, Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";

import { messageOf } from "../api/errors";
import { useOwnerOfFiles } from "../hooks/account";
import { useLanguage } from "../hooks/language";
import { Icon } from "../ui/Icon";
import { saveFile } from "../util/files";
import { formatCount } from "../util/numbers";

const mostRows = 100_000;

export interface FilePart {
  readonly content: string;
  readonly rowCount: number;
}

interface DownloadButtonProps {
  /** What the file is about, for its name. */
  readonly file: string;
  /** The first and the last day of what it has, for its name; without them, it has the day of the download. */
  readonly days?: readonly string[] | undefined;
  readonly parts: (signal: AbortSignal) => AsyncIterable<FilePart>;
}

/** Downloads a list as CSV, with its progress. Another click stops it. A list that is too long gives no file, because a cut one misleads. */
export function DownloadButton({ file, days, parts }: DownloadButtonProps) {
  const { t } = useLingui();
  const language = useLanguage();
  const organization = useOwnerOfFiles();
  const running = useRef<AbortController>(undefined);
  const [rows, setRows] = useState(0);
  useEffect(() => () => running.current?.abort(), []);
  const download = useMutation({
    mutationFn: async () => {
      const controller = new AbortController();
      running.current = controller;
      setRows(0);
      const found: string[] = [];
      let count = 0;
      for await (const part of parts(controller.signal)) {
        if (controller.signal.aborted) return;
        count += part.rowCount;
        if (count > mostRows) throw new Error(t`The list has more than ${formatCount(mostRows, language)} rows. Narrow it, or make an export.`);
        found.push(part.content);
        setRows(count);
      }
      saveFile(`${[organization, file, ...(days ?? [new Date().toISOString().slice(0, 10)])].join("-")}.csv`, found, "text/csv");
    },
  });
  if (download.isPending) {
    return (
      <Button size="xs" variant="default" leftSection={<Loader size={12} />} onClick={() => running.current?.abort()} aria-live="polite">
        <Trans>{formatCount(rows, language)} rows · Stop</Trans>
      </Button>
    );
  }
  return (
    <Group gap="xs" justify="flex-end">
      {download.isError && <Text size="xs" c="red" role="alert" maw={320}>{messageOf(download.error)}</Text>}
      <Button size="xs" variant="default" leftSection={<Icon name="download" size={14} />} onClick={() => download.mutate()} aria-label={t`Download as CSV`}>CSV</Button>
    </Group>
  );
}
