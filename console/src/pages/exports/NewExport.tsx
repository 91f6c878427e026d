import { useMutation } from "@connectrpc/connect-query";
import { ReportLanguage, ReportPaper, UsageExportFormat, UsageExports } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Checkbox, Group, NativeSelect, SegmentedControl, Stack, Text } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { useDeployment } from "../../api/deployment";
import { queryClient } from "../../api/queries";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Part } from "../../components/Part";
import { Narrowed } from "../../components/selection/Narrowed";
import { SelectionBar } from "../../components/selection/SelectionBar";
import { useParent } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useChangeSearch, useUsageQuestion } from "../../hooks/usage";
import { SentenceGap } from "../../ui/SentenceGap";
import { Surface } from "../../ui/Surface";

const formats = { pdf: UsageExportFormat.PDF, csv: UsageExportFormat.CSV, focus: UsageExportFormat.FOCUS } as const;
const languages = { en: ReportLanguage.ENGLISH, zh: ReportLanguage.CHINESE } as const;
const papers = { a4: ReportPaper.A4, letter: ReportPaper.LETTER } as const;

/** What an export is to contain. The address has it, so analytics lead here with their filters. */
export function NewExport() {
  const { t } = useLingui();
  const parent = useParent();
  const shown = useLanguage();
  const { format = "pdf", language = shown === "zh" ? "zh" : "en", paper = "a4" } = useSearch({ from: "/organizations/$organization/usageExports" });
  const change = useChangeSearch();
  const { timeRange, usageFilter } = useUsageQuestion();
  const [raw, setRaw] = useState(false);
  const start = useMutation(UsageExports.method.exportUsage, { onSuccess: () => void queryClient.invalidateQueries() });
  const isReport = format === "pdf";
  const submit = (event: React.FormEvent): void => {
    event.preventDefault();
    start.mutate({ parent, timeRange, usageFilter, format: formats[format], ...(isReport ? { language: languages[language], paper: papers[paper] } : { raw }) });
  };
  return (
    <Surface title={<Trans>New export</Trans>} actions={<SelectionBar otherwise="30d" />}>
      <Narrowed />
      <form onSubmit={submit}>
        <Stack gap="md">
          <Group gap="md" align="flex-end">
            <SegmentedControl
              aria-label={t`Format`} value={format} onChange={(chosen) => change({ format: chosen })}
              data={[{ value: "pdf", label: t`Report (PDF)` }, { value: "csv", label: t`Calls (CSV)` }, { value: "focus", label: "FOCUS 1.2" }]}
            />
            {isReport && (
              <>
                <NativeSelect aria-label={t`Language of the report`} value={language} onChange={(event) => change({ language: event.currentTarget.value })} data={[{ value: "en", label: "English" }, { value: "zh", label: "简体中文" }]} />
                <NativeSelect aria-label={t`Paper`} value={paper} onChange={(event) => change({ paper: event.currentTarget.value })} data={[{ value: "a4", label: "A4" }, { value: "letter", label: "US Letter" }]} />
              </>
            )}
          </Group>
          <Text component="div" size="sm" c="dimmed"><About format={format} /></Text>
          {!isReport && (
            <Checkbox
              checked={raw} onChange={(event) => setRaw(event.currentTarget.checked)} label={t`Leave text as it is`}
              description={t`For programs. Without it, text that a spreadsheet may take for a formula gets an apostrophe in front.`}
            />
          )}
          {start.isError && <ErrorNotice error={start.error} />}
          <div><Button type="submit" loading={start.isPending}><Trans>Create the export</Trans></Button></div>
        </Stack>
      </form>
    </Surface>
  );
}

function About({ format }: { readonly format: keyof typeof formats }) {
  switch (format) {
    case "csv":
      return <Trans>A row for each call.</Trans>;
    case "focus":
      return <Trans>A row for each line of a charge, in the columns that cost tools read.</Trans>;
    default:
      return <><Trans>Figures, charts and tables to forward.</Trans><SentenceGap /><Part height={20}><Proof /></Part></>;
  }
}

/** Who can find out whether a report was altered. */
function Proof() {
  const isSigned = (useDeployment().report_certificates ?? []).length > 0;
  return isSigned
    ? <Trans>It is signed, so everyone can check that it is genuine.</Trans>
    : <Trans>It is not signed, so only members who see these figures here can check it, by comparing it with the ledger.</Trans>;
}
