import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type ApiKey, ApiKeyView, ApiKey_State, ApiKeys } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Box, Button, Group, NativeSelect, Text } from "@mantine/core";
import { Link, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { allOf, idOf, quoted } from "../../api/names";
import { BatchBar } from "../../components/BatchBar";
import { FormDialog } from "../../components/FormDialog";
import { Part } from "../../components/Part";
import { isAdmin, usePlace } from "../../hooks/account";
import { useKeyState } from "../../hooks/labels";
import { useLanguage } from "../../hooks/language";
import { pageSize, usePaging } from "../../hooks/paging";
import { useSaving } from "../../hooks/saving";
import { useSelection } from "../../hooks/selection";
import { useChangeSearch } from "../../hooks/usage";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { SearchField } from "../../table/SearchField";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Spent } from "../../ui/Spent";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCount } from "../../util/numbers";

const from = "/organizations/$organization/apiKeys";
const states = { active: "STATE_ACTIVE", disabled: "STATE_DISABLED", expired: "STATE_EXPIRED" } as const;
const orders = { name: "name", spend: "spent_nano_credits desc", use: "last_use_time desc" } as const;

export function KeyList() {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  const search = useSearch({ from });
  const change = useChangeSearch<typeof search>(true);
  return (
    <>
      <PageHeader
        title={<Trans>API keys</Trans>} hint={isAdmin(account) ? <Trans>Of everyone you administer</Trans> : <Trans>Your own</Trans>}
        actions={<Button component={Link} to={paths.newKey}><Trans>Create an API key</Trans></Button>}
      />
      <Group gap="sm" mb="md">
        <SearchField value={search.q ?? ""} label={t`Search by name or end of the key`} onChange={(q) => change({ q: q || undefined })} />
        <NativeSelect
          aria-label={t`State`} value={search.state ?? ""} onChange={(event) => change({ state: (event.currentTarget.value || undefined) as keyof typeof states | undefined })}
          data={[{ value: "", label: t`Every state` }, { value: "active", label: t`Active` }, { value: "disabled", label: t`Disabled` }, { value: "expired", label: t`Expired` }]}
        />
        <NativeSelect
          aria-label={t`Order`} value={search.order ?? "use"} onChange={(event) => change({ order: event.currentTarget.value as keyof typeof orders })}
          data={[{ value: "use", label: t`Last used first` }, { value: "spend", label: t`Highest spend first` }, { value: "name", label: t`By id` }]}
        />
      </Group>
      <Surface flush><Part height={420}><Found /></Part></Surface>
    </>
  );
}

function Found() {
  const { account } = usePlace();
  const paths = pathsOf(account.organization);
  const { t } = useLingui();
  const language = useLanguage();
  const stateName = useKeyState();
  const search = useSearch({ from });
  const paging = usePaging(JSON.stringify(search));
  const selection = useSelection<ApiKey>({ keyOf: ({ name }) => name, nameOf: (key) => key.displayName || idOf(key.name), canChoose: (key) => key.state === ApiKey_State.ACTIVE });
  const [isDisabling, setDisabling] = useState(false);
  const question = { parent: account.organization, view: ApiKeyView.FULL, orderBy: orders[search.order ?? "use"], filter: allOf(search.q === undefined ? "" : quoted(search.q), search.state === undefined ? "" : `state = ${states[search.state]}`) };
  const { data } = useSuspenseQuery(ApiKeys.method.listApiKeys, { ...question, pageSize, pageToken: paging.token });
  if (data.apiKeys.length === 0 && paging.back === undefined) {
    const narrowed = search.q !== undefined || search.state !== undefined;
    return (
      <EmptyState
        title={narrowed ? <Trans>No key matches</Trans> : <Trans>No keys yet</Trans>}
        step={narrowed ? <Trans>Try another search, or choose all states.</Trans> : <Trans>A key lets a program call models in your name.</Trans>}
        {...(narrowed ? {} : { command: "megarouter keys create laptop", action: <Button component={Link} to={paths.newKey} size="xs"><Trans>Create an API key</Trans></Button> })}
      />
    );
  }
  const columns: readonly Column<ApiKey>[] = [
    {
      id: "name", header: <Trans>Name</Trans>,
      cell: (key) => <><AppLink to={pathOf(key.name)} fw={500} className="cut">{key.displayName || idOf(key.name)}</AppLink><Text size="xs" c="dimmed" ff="monospace" className="cut">{key.obfuscatedKey}</Text></>,
    },
    { id: "owner", header: <Trans>Owner</Trans>, cell: (key) => <span className="cut">{key.memberDisplayName || idOf(key.member || key.serviceAccount)}</span>, shown: "wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (key) => <Badge variant="light" radius="sm" tt="none" color={colorOf(key.state)}>{stateName(key.state)}</Badge> },
    { id: "used", header: <Trans>Last used</Trans>, cell: (key) => (key.lastUseTime === undefined ? <Trans>never</Trans> : <Time value={key.lastUseTime} ago />), shown: "wide" },
    { id: "calls", header: <Trans>Calls</Trans>, cell: (key) => formatCount(key.callCount, language), align: "right", shown: "very-wide" },
    { id: "spent", header: <Trans>Spent</Trans>, cell: (key) => <Spent nanoCredits={key.spentNanoCredits} budget={key.budgetNanoCredits} carried={key.carriedNanoCredits} />, align: "right" },
  ];
  return (
    <>
      {selection.chosen.length > 0 && <Box px={20} pt="md"><BatchBar count={selection.chosen.length} clear={selection.clear}><Button size="xs" variant="default" onClick={() => setDisabling(true)}><Trans>Disable…</Trans></Button></BatchBar></Box>}
      <DataTable caption={t`API keys`} columns={columns} rows={data.apiKeys} keyOf={(key) => key.name} selection={selection} />
      {isDisabling && <DisableAll keys={selection.chosen} close={() => setDisabling(false)} done={selection.clear} />}
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="keys" method={ApiKeys.method.listApiKeys} request={question} /></Pager>
    </>
  );
}

const mostNamed = 12;

function DisableAll({ keys, close, done }: { readonly keys: readonly ApiKey[]; readonly close: () => void; readonly done: () => void }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const saving = useSaving(ApiKeys.method.batchDisableApiKeys, t`The keys were disabled.`);
  const submit = (): void => saving.save({ parent: account.organization, names: keys.map(({ name }) => name) }, () => { done(); close(); });
  return (
    <FormDialog opened close={close} title={<Trans>Disable the chosen keys</Trans>} verb={<Trans>Disable all</Trans>} saving={saving} submit={submit}>
      <Text size="sm" style={{ overflowWrap: "anywhere" }}>{keys.slice(0, mostNamed).map((key) => key.displayName || idOf(key.name)).join(", ")}{keys.length > mostNamed && " …"}</Text>
      <Text size="sm" mt="sm"><Trans>Calls with these {keys.length} keys are refused within a second. Running calls go on. You can enable each again. All are disabled, or none.</Trans></Text>
    </FormDialog>
  );
}

export function colorOf(state: ApiKey_State): string {
  return {
    [ApiKey_State.UNSPECIFIED]: "gray", [ApiKey_State.ACTIVE]: "teal", [ApiKey_State.DISABLED]: "orange", [ApiKey_State.EXPIRED]: "gray", [ApiKey_State.DELETED]: "red",
  }[state];
}
