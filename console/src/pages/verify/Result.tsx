import { useMutation } from "@connectrpc/connect-query";
import { UsageReports, VerifyUsageReportResponse_Pages, VerifyUsageReportResponse_Signature, VerifyUsageReportResponse_Verdict, type VerifyUsageReportResponse } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, SimpleGrid, Stack, Text } from "@mantine/core";

import { organizationName } from "../../api/names";
import { ErrorNotice } from "../../components/ErrorNotice";
import { useLanguage } from "../../hooks/language";
import { formatPeriod } from "../../reports/period";
import type { ReportRow } from "../../reports/report_file";
import { useSession } from "../../stores/session";
import { type Column, DataTable } from "../../table/DataTable";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { SentenceGap } from "../../ui/SentenceGap";
import { Surface } from "../../ui/Surface";
import { formatCredits } from "../../util/credits";
import { formatCount } from "../../util/numbers";
import { PrintedHash } from "./PrintedHash";
import type { Verified } from "./verifying";

/** Whether a file is genuine, and what it says. */
export function Result({ verified, canBeSigned }: { readonly verified: Verified; readonly canBeSigned: boolean }) {
  const { data } = verified.file;
  return (
    <Stack gap="lg">
      <Verdict verified={verified} canBeSigned={canBeSigned} />
      <Surface title={verified.signature === "valid" ? <Trans>What it says</Trans> : <Trans>What it claims</Trans>}>
        <Facts verified={verified} />
      </Surface>
      <PrintedHash dataSha256={verified.dataSha256} isProved={verified.signature === "valid"} />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Rows rows={data.groups} />
        <Rows rows={data.models} areModels />
      </SimpleGrid>
      <Ledger verified={verified} />
    </Stack>
  );
}

function Verdict({ verified, canBeSigned }: { readonly verified: Verified; readonly canBeSigned: boolean }) {
  switch (verified.signature) {
    case "valid":
      return <Alert color="teal" variant="light" title={<Trans>Genuine</Trans>}><Trans>This deployment made and signed the file, and no byte of it was changed.</Trans></Alert>;
    case "altered":
      return <Alert color="red" variant="light" title={<Trans>Altered</Trans>}><Trans>The file was changed after it was signed. Do not trust it; ask for the report again.</Trans></Alert>;
    case "other":
      return <Alert color="orange" variant="light" title={<Trans>Signed by someone else</Trans>}><Trans>The signature is intact, but not that of this deployment: an earlier key, or another gateway. Your PDF reader shows whose it is.</Trans></Alert>;
    default:
      return (
        <Alert color="orange" variant="light" title={<Trans>Not signed: the file proves nothing</Trans>}>
          <Trans>Anyone can make such a file or change one. Its pages may show other figures than those below, which are only what its data claims.</Trans><SentenceGap />
          {canBeSigned ? <Trans>This deployment signs its reports, so ask for the report again.</Trans> : <Trans>To find out whether it is right, a member must compare it with the ledger.</Trans>}
        </Alert>
      );
  }
}

function Facts({ verified }: { readonly verified: Verified }) {
  const { t } = useLingui();
  const language = useLanguage();
  const { data } = verified.file;
  const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: data.time_zone });
  return (
    <Properties
      entries={[
        [<Trans>Organization</Trans>, data.organization_name || data.organization],
        [<Trans>Period</Trans>, `${formatPeriod(new Date(data.start), new Date(data.end), language, data.time_zone)}, ${data.time_zone}`],
        [<Trans>Only</Trans>, data.scope.names.length === 0 ? undefined : data.scope.names.join(", ")],
        [<Trans>Spent</Trans>, <Text span inherit fw={650}>{formatCredits(data.total.charge, language, 2)}</Text>],
        [<Trans>Calls</Trans>, formatCount(data.total.call_count, language)],
        [<Trans>Tokens</Trans>, formatCount(data.total.input_tokens + data.total.output_tokens, language)],
        [<Trans>Made</Trans>, time.format(new Date(data.read_time))],
        [<Trans>True to</Trans>, t`ledger no. ${formatCount(data.ledger_position, language)}`],
        [<Trans>Complete</Trans>, data.complete ? <Trans>yes</Trans> : <Trans>no: calls of the period were still open</Trans>],
        [<Trans>Hash in its footer</Trans>, <Copyable text={verified.dataSha256} label={t`the hash`} />],
      ]}
    />
  );
}

function Rows({ rows, areModels = false }: { readonly rows: readonly ReportRow[]; readonly areModels?: boolean }) {
  const { t } = useLingui();
  const language = useLanguage();
  const caption = areModels ? t`Models` : t`Groups`;
  if (rows.length === 0) return null;
  const nameOf = (row: ReportRow): string => row.name || row.ids.at(-1) || (areModels ? t`Other models` : row.ids.length > 1 ? t`Directly in this group` : t`Without a group`);
  const columns: readonly Column<ReportRow>[] = [
    { id: "name", header: caption, cell: (row) => <span className="cut" style={{ paddingLeft: row.ids.length > 1 ? 16 : 0 }}>{nameOf(row)}</span> },
    { id: "calls", header: <Trans>Calls</Trans>, cell: (row) => formatCount(row.usage.call_count, language), align: "right" },
    { id: "spend", header: <Trans>Spend</Trans>, cell: (row) => formatCredits(row.usage.charge, language, 2), align: "right" },
  ];
  return <Surface flush title={caption}><DataTable caption={caption} columns={columns} rows={rows} keyOf={(row) => JSON.stringify([row.ids, row.name])} /></Surface>;
}

/** For those who are signed in: what the ledger says now. */
function Ledger({ verified }: { readonly verified: Verified }) {
  const session = useSession();
  const { t } = useLingui();
  const check = useMutation(UsageReports.method.verifyUsageReport);
  const { data, json } = verified.file;
  if (session === undefined) {
    return (
      <Surface title={<Trans>Is it still up to date?</Trans>} hint={<Trans>Calls may have come or been corrected since. A member sees that on this page after signing in, or by this command:</Trans>}>
        <Copyable text="megarouter verify usage.pdf" label={t`the command`} />
      </Surface>
    );
  }
  return (
    <Surface
      title={<Trans>Is it still up to date?</Trans>} hint={<Trans>Compares every figure with the ledger, and says what has changed since</Trans>}
      actions={
        <Button
          variant="default" loading={check.isPending}
          onClick={() => check.mutate({ name: organizationName(data.organization), report: json, fileSha256: verified.fileSha256, pagesSha256: verified.pagesSha256 ?? "" })}
        >
          <Trans>Compare with the ledger</Trans>
        </Button>
      }
    >
      {check.isError && <ErrorNotice error={check.error} />}
      {check.data !== undefined && <Compared answer={check.data} />}
    </Surface>
  );
}

function Compared({ answer }: { readonly answer: VerifyUsageReportResponse }) {
  const language = useLanguage();
  const late = formatCount(answer.lateCallCount, language);
  const corrections = formatCount(answer.correctionCount, language);
  switch (answer.verdict) {
    case VerifyUsageReportResponse_Verdict.UNCHANGED:
      return <Alert color="teal" variant="light"><Trans>Its figures are what the ledger has, and nothing has changed since.</Trans><SentenceGap /><NotCompared answer={answer} /></Alert>;
    case VerifyUsageReportResponse_Verdict.CHANGED_SINCE:
      return (
        <Alert color="blue" variant="light">
          <Trans>It was right. Since then, {late} calls came and {corrections} were corrected; the spend is {formatCredits(answer.presentChargeNanoCredits, language, 2)} now.</Trans><SentenceGap />
          <NotCompared answer={answer} />
        </Alert>
      );
    default:
      return (
        <Alert color="red" variant="light" title={<Trans>It is not what the ledger has</Trans>}>
          {answer.differences.length === 0 && <Trans>Its data are those of the ledger, but its pages are not what these data make: somebody changed them.</Trans>}
          {answer.differences.map((one) => <Text key={one.field} size="sm" ff="monospace" style={{ overflowWrap: "anywhere" }}>{one.field}: {one.reported} ≠ {one.recorded}</Text>)}
        </Alert>
      );
  }
}

/** What a comparison with the ledger leaves open. A signature of this deployment leaves nothing open. */
function NotCompared({ answer }: { readonly answer: VerifyUsageReportResponse }) {
  if (answer.signature === VerifyUsageReportResponse_Signature.VALID) return null;
  if (answer.pages !== VerifyUsageReportResponse_Pages.SAME) return <Trans>Its pages were not compared, because another release made them: they may show other figures than its data. Rely on the figures on this page only.</Trans>;
  return <Trans>Its pages show these figures. Budgets, credit, unusual spend, the name of the organization and the time it was made cannot be compared, and the file has no signature of this deployment that would prove them.</Trans>;
}
