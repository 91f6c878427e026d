import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type ServiceAccount, ServiceAccountView, ServiceAccount_State, ServiceAccounts as Service } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Group, NativeSelect, Text } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { allOf, idOf, quoted } from "../../api/names";
import { Part } from "../../components/Part";
import { CreateServiceAccount } from "../../forms/organization/ServiceAccountForms";
import { usePlace } from "../../hooks/account";
import { useServiceAccountState } from "../../hooks/labels";
import { pageSize, usePaging } from "../../hooks/paging";
import { useChangeSearch } from "../../hooks/usage";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { SearchField } from "../../table/SearchField";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Spent } from "../../ui/Spent";
import { Surface } from "../../ui/Surface";
import { OrganizationHeader } from "./OrganizationHeader";

const from = "/organizations/$organization/serviceAccounts";
const states = { active: "STATE_ACTIVE", disabled: "STATE_DISABLED", deleted: "STATE_DELETED" } as const;
const orders = { name: "name", spend: "spent_nano_credits desc" } as const;
const colors = { [ServiceAccount_State.UNSPECIFIED]: "gray", [ServiceAccount_State.ACTIVE]: "teal", [ServiceAccount_State.DISABLED]: "orange", [ServiceAccount_State.DELETED]: "red" };

/** Owners of keys that are no persons. */
export function ServiceAccounts() {
  const { t } = useLingui();
  const search = useSearch({ from });
  const navigate = useNavigate({ from });
  const [isCreating, setCreating] = useState(false);
  const change = useChangeSearch<typeof search>(true);
  return (
    <>
      <OrganizationHeader hint={<Trans>Owners of keys that are programs, such as a build server</Trans>} actions={<Button onClick={() => setCreating(true)}><Trans>Create a service account</Trans></Button>} />
      <Group gap="sm" mb="md">
        <SearchField value={search.q ?? ""} label={t`Search by name`} onChange={(q) => change({ q: q || undefined })} />
        <NativeSelect
          aria-label={t`State`} value={search.state ?? ""} onChange={(event) => change({ state: (event.currentTarget.value || undefined) as keyof typeof states | undefined })}
          data={[{ value: "", label: t`Active and disabled` }, { value: "active", label: t`Active` }, { value: "disabled", label: t`Disabled` }, { value: "deleted", label: t`Deleted` }]}
        />
        <NativeSelect
          aria-label={t`Order`} value={search.order ?? "spend"} onChange={(event) => change({ order: event.currentTarget.value as keyof typeof orders })}
          data={[{ value: "spend", label: t`Highest spend first` }, { value: "name", label: t`By id` }]}
        />
      </Group>
      <Surface flush><Part height={320}><Found /></Part></Surface>
      {isCreating && <CreateServiceAccount close={() => setCreating(false)} onMade={(name) => void navigate({ to: pathOf(name) })} />}
    </>
  );
}

function Found() {
  const { account } = usePlace();
  const { t } = useLingui();
  const search = useSearch({ from });
  const paging = usePaging(JSON.stringify(search));
  const question = { parent: account.organization, view: ServiceAccountView.FULL, orderBy: orders[search.order ?? "spend"], showDeleted: search.state === "deleted", filter: allOf(search.q === undefined ? "" : quoted(search.q), search.state === undefined ? "" : `state = ${states[search.state]}`) };
  const { data } = useSuspenseQuery(Service.method.listServiceAccounts, { ...question, pageSize, pageToken: paging.token });
  if (data.serviceAccounts.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No service accounts</Trans>} step={<Trans>Keys of a service account go on working when the person who made them leaves. Choose “Create a service account” above.</Trans>} command="megarouter service-accounts create 'Build server' --id sa-build" />;
  }
  const columns: readonly Column<ServiceAccount>[] = [
    { id: "name", header: <Trans>Name</Trans>, cell: (one) => <><AppLink to={pathOf(one.name)} fw={500} className="cut">{one.displayName}</AppLink><Text size="xs" c="dimmed" className="cut">{idOf(one.name)}</Text></> },
    { id: "group", header: <Trans>Group</Trans>, cell: (one) => (one.group === "" ? "—" : <AppLink to={pathOf(one.group)} className="cut">{one.groupDisplayName || idOf(one.group)}</AppLink>), shown: "wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (one) => <ServiceAccountState state={one.state} /> },
    { id: "keys", header: <Trans>Keys</Trans>, cell: (one) => one.keyCount, align: "right", shown: "wide" },
    { id: "spent", header: <Trans>Spent</Trans>, cell: (one) => <Spent nanoCredits={one.spentNanoCredits} budget={one.budgetNanoCredits} carried={one.carriedNanoCredits} decimals={2} />, align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Service accounts`} columns={columns} rows={data.serviceAccounts} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="service-accounts" method={Service.method.listServiceAccounts} request={question} /></Pager>
    </>
  );
}

export function ServiceAccountState({ state }: { readonly state: ServiceAccount_State }) {
  return <Badge variant="light" radius="sm" tt="none" color={colors[state]}>{useServiceAccountState()(state)}</Badge>;
}
