import { createClient } from "@connectrpc/connect";
import { useMutation } from "@tanstack/react-query";
import { type DownloadSharedExportResponse, UsageExports } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";
import { Alert, Button, Group, Loader, Stack, Text } from "@mantine/core";
import { useEffect } from "react";

import { useDeployment } from "../../api/deployment";
import { isSignedOut } from "../../api/errors";
import { governed } from "../../api/transport";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Part } from "../../components/Part";
import { useLanguage } from "../../hooks/language";
import { bytesOfBase64 } from "../../reports/der";
import { arrivedReport } from "../../stores/arrival";
import { Icon } from "../../ui/Icon";
import { Surface } from "../../ui/Surface";
import { saveFile } from "../../util/files";
import { formatTime } from "../../util/times";
import { PublicPage } from "./PublicPage";
import { Result } from "./Result";
import { type Verified, verified } from "./verifying";

interface Opened {
  readonly answer: DownloadSharedExportResponse;
  readonly checked: Verified;
}

/** Opens the report of a link. The link stays in the memory of the page, so reloading needs it again. */
export function SharedReport() {
  return <PublicPage title={<Trans>A report for you</Trans>}><Part height={240}><Opening /></Part></PublicPage>;
}

function Opening() {
  const language = useLanguage();
  const certificates = useDeployment().report_certificates ?? [];
  const open = useMutation({
    mutationFn: async (): Promise<Opened> => {
      const answer = await createClient(UsageExports, governed(arrivedReport)).downloadSharedExport({});
      return { answer, checked: await verified(answer.pdf.slice(), certificates.map(bytesOfBase64)) };
    },
  });
  const { mutate } = open;
  useEffect(() => {
    if (arrivedReport !== "") mutate();
  }, [mutate]);
  if (arrivedReport === "" || isSignedOut(open.error)) {
    return (
      <Alert color="orange" variant="light" title={<Trans>This link has ended</Trans>}>
        <Trans>It expired or was replaced, or its sender may no longer see the report. Open the whole link again, or ask its sender for a new one.</Trans>
      </Alert>
    );
  }
  if (open.isError) return <ErrorNotice error={open.error} retry={() => mutate()} />;
  if (open.data === undefined) return <Group role="status"><Loader size="sm" /><Text><Trans>Opening the report…</Trans></Text></Group>;
  const { answer, checked } = open.data;
  // Without a sign-in the page has no organization. The report says which time zone its figures use.
  const timeZone = checked.file.data.time_zone;
  const until = answer.expireTime === undefined ? "—" : `${formatTime(answer.expireTime, language, timeZone)} (${timeZone})`;
  return (
    <Stack gap="lg">
      <Surface
        title={answer.organizationDisplayName}
        hint={<Trans>Shared by {answer.sharerDisplayName}. The link works until {until}.</Trans>}
        actions={<Button leftSection={<Icon name="download" size={16} />} onClick={() => saveFile("usage.pdf", [answer.pdf.slice()], "application/pdf")}><Trans>Download the PDF</Trans></Button>}
      >
        <Text size="sm" c="dimmed"><Trans>Its figures are below; the PDF has the charts too.</Trans></Text>
      </Surface>
      <Result verified={checked} canBeSigned={certificates.length > 0} />
    </Stack>
  );
}
