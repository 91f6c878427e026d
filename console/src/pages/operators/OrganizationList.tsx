import { useSuspenseQuery } from "@connectrpc/connect-query";
import { Operators, Organization_Kind, Organization_State, type OrganizationSummary } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Group, NativeSelect, Text } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { allOf, organizationIdOf, quoted } from "../../api/names";
import { Part } from "../../components/Part";
import { CreateOrganization } from "../../forms/operators/CreateOrganization";
import { useLanguage } from "../../hooks/language";
import { pageSize, usePaging } from "../../hooks/paging";
import { useChangeSearch } from "../../hooks/usage";
import { PageHeader } from "../../layouts/PageHeader";
import { operatorPaths } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { SearchField } from "../../table/SearchField";
import { Amount } from "../../ui/Amount";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { formatCount } from "../../util/numbers";

const from = "/operators/";
const kinds = { organization: "KIND_ORGANIZATION", personal: "KIND_PERSONAL" } as const;
const states = { active: "STATE_ACTIVE", suspended: "STATE_SUSPENDED", deleted: "STATE_DELETED" } as const;

/** The organizations and personal accounts of the deployment, with their credit. */
export function OrganizationList() {
  const { t } = useLingui();
  const search = useSearch({ from });
  const [isCreating, setCreating] = useState(false);
  const change = useChangeSearch<typeof search>(true);
  return (
    <>
      <PageHeader title={<Trans>Organizations</Trans>} hint={<Trans>All organizations and personal accounts of the deployment</Trans>} actions={<Button onClick={() => setCreating(true)}><Trans>Create an organization</Trans></Button>} />
      {isCreating && <CreateOrganization close={() => setCreating(false)} />}
      <Group gap="sm" mb="md">
        <SearchField value={search.q ?? ""} label={t`Search by name`} onChange={(q) => change({ q: q || undefined })} />
        <NativeSelect
          aria-label={t`Kind`} value={search.kind ?? ""} onChange={(event) => change({ kind: (event.currentTarget.value || undefined) as keyof typeof kinds | undefined })}
          data={[{ value: "", label: t`Every kind` }, { value: "organization", label: t`Organizations` }, { value: "personal", label: t`Personal accounts` }]}
        />
        <NativeSelect
          aria-label={t`State`} value={search.state ?? ""} onChange={(event) => change({ state: (event.currentTarget.value || undefined) as keyof typeof states | undefined })}
          data={[{ value: "", label: t`Every state` }, { value: "active", label: t`Active` }, { value: "suspended", label: t`Suspended` }, { value: "deleted", label: t`Deleted` }]}
        />
      </Group>
      <Surface flush><Part height={420}><Found /></Part></Surface>
    </>
  );
}

function Found() {
  const { t } = useLingui();
  const language = useLanguage();
  const search = useSearch({ from });
  const filter = allOf(
    search.q === undefined ? "" : `display_name : ${quoted(search.q)}`, search.kind === undefined ? "" : `kind = ${kinds[search.kind]}`, search.state === undefined ? "" : `state = ${states[search.state]}`,
  );
  const paging = usePaging(filter);
  const question = { filter };
  const { data } = useSuspenseQuery(Operators.method.listOrganizationSummaries, { ...question, pageSize, pageToken: paging.token });
  // A page with a filter may have none although more follow.
  if (data.organizationSummaries.length === 0 && paging.back === undefined && data.nextPageToken === "") {
    return <EmptyState title={<Trans>No organization matches</Trans>} step={<Trans>Try another search, or choose all states.</Trans>} command="megarouter operator organizations" />;
  }
  const columns: readonly Column<OrganizationSummary>[] = [
    {
      id: "name", header: <Trans>Name</Trans>,
      cell: (one) => <><AppLink to={operatorPageOf(one.name)} fw={500} className="cut">{one.displayName || organizationIdOf(one.name)}</AppLink><Text size="xs" c="dimmed" className="cut">{one.kind === Organization_Kind.PERSONAL ? t`personal account` : organizationIdOf(one.name)}</Text></>,
    },
    { id: "state", header: <Trans>State</Trans>, cell: (one) => <OrganizationState summary={one} />, shown: "wide" },
    { id: "balance", header: <Trans>Balance</Trans>, cell: (one) => <Amount nanoCredits={one.balanceNanoCredits} decimals={2} c={one.balanceNanoCredits < 0n ? "red" : undefined} />, align: "right" },
    { id: "spent", header: <Trans>Spent</Trans>, cell: (one) => <Amount nanoCredits={one.spentNanoCredits} decimals={2} />, align: "right", shown: "wide" },
    { id: "line", header: <Trans>Credit line</Trans>, cell: (one) => (one.creditLine === undefined || one.kind === Organization_Kind.PERSONAL ? "—" : one.creditLine.isUnlimited ? t`unlimited` : <Amount nanoCredits={one.creditLine.lineNanoCredits} decimals={2} />), align: "right", shown: "very-wide" },
    { id: "pending", header: <Trans>Requests</Trans>, cell: (one) => formatCount(one.pendingRequestCount, language), align: "right", shown: "very-wide" },
  ];
  return (
    <>
      <DataTable caption={t`Organizations`} columns={columns} rows={data.organizationSummaries} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="organizations" method={Operators.method.listOrganizationSummaries} request={question} /></Pager>
    </>
  );
}

/** The operators' page of an organization, by any name in it. */
export function operatorPageOf(name: string): string {
  return `${operatorPaths.organization}/${organizationIdOf(name)}`;
}

export function OrganizationState({ summary }: { readonly summary: OrganizationSummary }) {
  const { t } = useLingui();
  const { label, color } = {
    [Organization_State.UNSPECIFIED]: { label: "", color: "gray" }, [Organization_State.ACTIVE]: { label: t`Active`, color: "teal" },
    [Organization_State.SUSPENDED]: { label: summary.isSuspendedByOperator ? t`Suspended by an operator` : t`Suspended`, color: "orange" }, [Organization_State.DELETED]: { label: t`Deleted`, color: "red" },
  }[summary.state];
  return <Badge variant="light" radius="sm" tt="none" color={color}>{label}</Badge>;
}
