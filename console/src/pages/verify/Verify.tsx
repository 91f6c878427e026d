import { useMutation } from "@tanstack/react-query";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, FileButton, Stack, Text } from "@mantine/core";
import { type DragEvent, useState } from "react";

import { useDeployment } from "../../api/deployment";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Part } from "../../components/Part";
import { bytesOfBase64 } from "../../reports/der";
import { Surface } from "../../ui/Surface";
import { PublicPage } from "./PublicPage";
import { Result } from "./Result";
import { verified } from "./verifying";

const mostFileBytes = 20_000_000;

/** Says whether a report is genuine. The browser checks it: the file goes nowhere, and no one has to sign in. */
export function Verify() {
  return <PublicPage title={<Trans>Is this report genuine?</Trans>}><Part height={240}><Checker /></Part></PublicPage>;
}

function Checker() {
  const { t } = useLingui();
  const certificates = useDeployment().report_certificates ?? [];
  const [isOver, setOver] = useState(false);
  const check = useMutation({ mutationFn: async (file: File) => verified(await read(file), certificates.map(bytesOfBase64)) });
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
      {certificates.length === 0 && <Unsigned />}
      <Surface>
        <Stack
          align="center" gap="sm" py={36} ta="center" onDrop={drop} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
          style={{ border: `2px dashed ${isOver ? "var(--mantine-color-accent-5)" : "var(--line)"}`, borderRadius: 12 }}
        >
          <Text fw={600}><Trans>Drop the PDF here</Trans></Text>
          <Text size="sm" c="dimmed" maw={460}>{certificates.length > 0 ? <Trans>It stays in your browser, which checks the signature and reads what the report says.</Trans> : <Trans>It stays in your browser, which reads what the report claims.</Trans>}</Text>
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

/** Says before somebody chooses a file that nothing about it can be proved here. */
function Unsigned() {
  return (
    <Alert color="orange" variant="light" title={<Trans>This deployment does not sign its reports</Trans>}>
      <Trans>This page can read what a file claims. It cannot tell who made the file, or whether somebody changed its figures or its pages. A member can compare it with the ledger after signing in.</Trans>
    </Alert>
  );
}

async function read(file: File): Promise<Uint8Array<ArrayBuffer>> {
  if (file.size > mostFileBytes) throw new Error(`a report has at most ${mostFileBytes / 1_000_000} MB`);
  return new Uint8Array(await file.arrayBuffer());
}
