import { type ImportMembersResponse, MemberRowResult_Action, type MemberRowResult, Members } from "@megarouter/admin";
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Checkbox, FileButton, Group, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import { NewInvites } from "../../components/NewInvites";
import { usePlace } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { PageHeader } from "../../layouts/PageHeader";
import { pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { Surface } from "../../ui/Surface";
import { type TableProblem, memberTable } from "../../util/member_rows";
import { useImportWords } from "./import_words";

const example = "address,group,role,budget,cycle\nada@acme.example,Engineering/Platform,member,25,monthly";
const mostRows = 1000;
const mostProblems = 20;

/** Brings members to what a table says: first what each row would do, then the rows. */
export function ImportMembers() {
  const { account } = usePlace();
  const { t } = useLingui();
  const paths = pathsOf(account.organization);
  const [text, setText] = useState("");
  const [createsGroups, setCreatesGroups] = useState(false);
  const [rehearsed, setRehearsed] = useState<ImportMembersResponse | undefined>(undefined);
  const [done, setDone] = useState<ImportMembersResponse | undefined>(undefined);
  const rehearsal = useSaving(Members.method.importMembers);
  const saving = useSaving(Members.method.importMembers, t`The table was imported.`);
  const table = memberTable(text);
  const problems = text.trim() === "" ? [] : table.problems;
  const request = { parent: account.organization, rows: [...table.rows], createMissingGroups: createsGroups };
  const change = (next: string): void => {
    setText(next);
    setRehearsed(undefined);
  };
  const errors = rehearsed?.results.filter(({ action }) => action === MemberRowResult_Action.ERROR).length ?? 0;
  const invites = (done?.results ?? []).filter(({ token }) => token !== "").map((result) => ({ name: result.invite, address: result.email, secret: result.link || result.token }));
  return (
    <>
      <PageHeader crumbs={[{ label: t`Organization`, to: paths.people }]} title={t`Import a table of people`} hint={<Trans>Addresses that are not members yet are invited. Members get the role, group, and limits in their row.</Trans>} />
      <Stack gap="lg">
        {done !== undefined && (invites.length > 0 ? <NewInvites invites={invites} /> : <Text><Trans>Done. No one new was invited.</Trans></Text>)}
        {done === undefined && (
          <Surface title={<Trans>The table</Trans>} hint={<Trans>CSV with a line of column names: address, name, group, role, budget, cycle, rollover, rpm, models</Trans>} actions={<FromFile onText={change} />}>
            <Stack gap="md">
              <Textarea aria-label={t`The table`} placeholder={example} autosize minRows={6} maxRows={16} value={text} onChange={(event) => change(event.currentTarget.value)} styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }} />
              <Checkbox label={t`Create groups that do not exist`} checked={createsGroups} onChange={(event) => { setCreatesGroups(event.currentTarget.checked); setRehearsed(undefined); }} />
              <Problems problems={problems} />
              {table.rows.length > mostRows && <Text size="sm" c="red"><Trans>At most {mostRows} rows at a time. The command line imports longer tables.</Trans></Text>}
              {rehearsal.isError && <ErrorNotice error={rehearsal.error} />}
              <Group>
                <Button variant={rehearsed === undefined ? "filled" : "default"} loading={rehearsal.isPending} disabled={table.rows.length === 0 || problems.length > 0 || table.rows.length > mostRows} onClick={() => rehearsal.save({ ...request, validateOnly: true }, setRehearsed)}><Trans>Show what it would do</Trans></Button>
              </Group>
            </Stack>
          </Surface>
        )}
        {done === undefined && rehearsed !== undefined && (
          <Surface flush title={<Trans>What it would do</Trans>} hint={<Trans>Nothing has changed yet. All rows are imported, or none.</Trans>} actions={<Button disabled={errors > 0} loading={saving.isPending} onClick={() => saving.save(request, setDone)}><Trans>Import</Trans></Button>}>
            {errors > 0 && <Text size="sm" c="red" px={20} pb="sm"><Plural value={errors} one="# row cannot be imported. Correct it and try again." other="# rows cannot be imported. Correct them and try again." /></Text>}
            {saving.isError && <ErrorNotice error={saving.error} />}
            <Results results={rehearsed.results} />
          </Surface>
        )}
      </Stack>
    </>
  );
}

function FromFile({ onText }: { readonly onText: (text: string) => void }) {
  return (
    <FileButton accept=".csv,text/csv,text/plain" onChange={(file) => { if (file !== null) void file.text().then(onText); }}>
      {(button) => <Button {...button} size="xs" variant="default"><Trans>From a file…</Trans></Button>}
    </FileButton>
  );
}

function Problems({ problems }: { readonly problems: readonly TableProblem[] }) {
  const { problemText } = useImportWords();
  if (problems.length === 0) return null;
  return <Stack gap={2} role="alert">{problems.slice(0, mostProblems).map((problem) => <Text key={`${problem.line}-${problem.kind}`} size="sm" c="red">{problemText(problem)}</Text>)}</Stack>;
}

const colors = { [MemberRowResult_Action.UNSPECIFIED]: "gray", [MemberRowResult_Action.NONE]: "gray", [MemberRowResult_Action.INVITE]: "blue", [MemberRowResult_Action.CHANGE]: "teal", [MemberRowResult_Action.ERROR]: "red" };

function Results({ results }: { readonly results: readonly MemberRowResult[] }) {
  const { t } = useLingui();
  const { actionName, changeText } = useImportWords();
  const columns: readonly Column<MemberRowResult>[] = [
    { id: "address", header: <Trans>Address</Trans>, cell: (row) => <span className="cut">{row.email}</span> },
    { id: "does", header: <Trans>Effect</Trans>, cell: (row) => <Badge variant="light" radius="sm" tt="none" color={colors[row.action]}>{actionName(row.action)}</Badge> },
    { id: "what", header: <Trans>Details</Trans>, cell: (row) => <Text size="sm" style={{ overflowWrap: "anywhere" }}>{row.message || row.changes.map(changeText).join(" · ")}</Text> },
  ];
  return <DataTable caption={t`What it would do`} columns={columns} rows={results} keyOf={(row) => row.email} />;
}
