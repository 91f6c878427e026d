import { useMutation } from "@tanstack/react-query";
import { Trans, useLingui } from "@lingui/react/macro";
import { Box, Button, FileButton, Group, Stack, Text, Title } from "@mantine/core";
import { type DragEvent, useState } from "react";

import { useDeployment } from "../../api/deployment";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Part } from "../../components/Part";
import { bytesOfBase64 } from "../../reports/der";
import { type ReportFile, readReport } from "../../reports/report_file";
import { type SignatureResult, checkSignature } from "../../reports/signature";
import { Surface } from "../../ui/Surface";
import icon from "../../ui/icon.svg";
import { sha256 } from "../../util/files";
import { Result } from "./Result";

const mostFileBytes = 20_000_000;

/** What is known of a file. */
export interface Verified {
  readonly file: ReportFile;
  readonly signature: SignatureResult;
  readonly dataSha256: string;
  readonly fileSha256: string;
  readonly pagesSha256: string | undefined;
}

/** Says whether a report is genuine. The browser checks it: the file goes nowhere, and no one has to sign in. */
export function Verify() {
  return (
    <Box component="main" p={{ base: "md", md: 40 }} mx="auto" maw={980}>
      <Stack gap="lg">
        <Group gap="sm">
          <img src={icon} alt="" width={36} height={36} />
          <Title order={1} fz={24}><Trans>Is this report genuine?</Trans></Title>
        </Group>
        <Part height={240}><Checker /></Part>
      </Stack>
    </Box>
  );
}

function Checker() {
  const { t } = useLingui();
  const certificates = useDeployment().report_certificates ?? [];
  const [isOver, setOver] = useState(false);
  const check = useMutation({ mutationFn: (file: File) => verified(file, certificates.map(bytesOfBase64)) });
  const take = (file: File | null | undefined): void => {
    if (file) check.mutate(file);
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  };
  return (
    <>
      <Surface>
        <Stack
          align="center" gap="sm" py={36} ta="center" onDrop={drop} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
          style={{ border: `2px dashed ${isOver ? "var(--mantine-color-accent-5)" : "var(--line)"}`, borderRadius: 12 }}
        >
          <Text fw={600}><Trans>Drop the PDF here</Trans></Text>
          <Text size="sm" c="dimmed" maw={460}><Trans>It stays in your browser, which checks the signature and reads what the report says.</Trans></Text>
          <FileButton accept="application/pdf" onChange={take} inputProps={{ "aria-label": t`Report as PDF` }}>
            {(props) => <Button {...props} loading={check.isPending}><Trans>Choose a file</Trans></Button>}
          </FileButton>
        </Stack>
      </Surface>
      <div aria-live="polite">
        {check.isError && <ErrorNotice error={check.error} />}
        {check.data !== undefined && <Result verified={check.data} canBeSigned={certificates.length > 0} />}
      </div>
    </>
  );
}

async function verified(file: File, certificates: readonly Uint8Array<ArrayBuffer>[]): Promise<Verified> {
  if (!window.isSecureContext) throw new Error("browsers check signatures only on https pages, and on this machine");
  if (file.size > mostFileBytes) throw new Error(`a report has at most ${mostFileBytes / 1_000_000} MB`);
  const pdf = new Uint8Array(await file.arrayBuffer());
  const report = await readReport(pdf);
  const signature = await checkSignature(pdf, certificates);
  const pages = report.pages === undefined ? undefined : await sha256(report.pages);
  return { file: report, signature, dataSha256: (await sha256(report.json)) ?? "", fileSha256: (await sha256(pdf)) ?? "", pagesSha256: pages };
}
