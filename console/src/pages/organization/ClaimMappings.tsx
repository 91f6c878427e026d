import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type ClaimMapping, ClaimMappings as Service } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, Text } from "@mantine/core";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { useDeployment } from "../../api/deployment";
import { quoted } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { Part } from "../../components/Part";
import { CreateClaimMapping } from "../../forms/organization/CreateClaimMapping";
import { useParent } from "../../hooks/account";
import { useRoleName } from "../../hooks/labels";
import { pageSize, usePaging } from "../../hooks/paging";
import { useSaving } from "../../hooks/saving";
import { useChangeSearch } from "../../hooks/usage";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { SearchField } from "../../table/SearchField";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { OrganizationHeader } from "./OrganizationHeader";

const from = "/organizations/$organization/claimMappings";

/** Which role and group a sign-in gives, by what the identity provider says of the person. */
export function ClaimMappings() {
  const { t } = useLingui();
  const search = useSearch({ from });
  const change = useChangeSearch<typeof search>(true);
  const [creating, setCreating] = useState(false);
  return (
    <>
      <OrganizationHeader
        hint={<Trans>People with a claim of your identity provider join, and get a role and a group, when they sign in.</Trans>}
        actions={<Button onClick={() => setCreating(true)}><Trans>Map a claim</Trans></Button>}
      />
      <Group gap="sm" mb="md"><SearchField value={search.q ?? ""} label={t`Search by value`} onChange={(q) => change({ q: q || undefined })} /></Group>
      <Surface flush><Part height={320}><Found q={search.q} /></Part></Surface>
      {creating && <CreateClaimMapping close={() => setCreating(false)} />}
    </>
  );
}

function Found({ q }: { readonly q: string | undefined }) {
  const parent = useParent();
  const { t } = useLingui();
  const roleName = useRoleName();
  const providers = useDeployment().identity_providers;
  const [removed, setRemoved] = useState<ClaimMapping | undefined>(undefined);
  const paging = usePaging(q ?? "");
  const question = { parent, filter: q === undefined ? "" : quoted(q) };
  const { data } = useSuspenseQuery(Service.method.listClaimMappings, { ...question, pageSize, pageToken: paging.token });
  if (data.claimMappings.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No claim is mapped</Trans>} step={<Trans>Without a mapping, people join by an invite, and admins give them roles. Choose “Map a claim” above.</Trans>} command="megarouter claims map staff --issuer https://id.example --role member" />;
  }
  const columns: readonly Column<ClaimMapping>[] = [
    { id: "value", header: <Trans>Claim</Trans>, cell: (one) => <><Text size="sm" fw={500} className="cut" title={one.value}>{one.value}</Text><Text size="xs" c="dimmed" className="cut">{one.claim}</Text></> },
    { id: "provider", header: <Trans>Identity provider</Trans>, cell: (one) => <span className="cut" title={one.issuer}>{providers.find(({ issuer }) => issuer === one.issuer)?.name ?? one.issuer}</span>, shown: "wide" },
    { id: "role", header: <Trans>Role</Trans>, cell: (one) => roleName(one.role) },
    { id: "group", header: <Trans>Group</Trans>, cell: (one) => (one.group === "" ? "—" : <AppLink to={pathOf(one.group)} className="cut">{one.groupDisplayName}</AppLink>), shown: "wide" },
    { id: "created", header: <Trans>Created</Trans>, cell: (one) => <Time value={one.createTime} ago />, shown: "very-wide" },
    { id: "act", header: <Trans>Action</Trans>, cell: (one) => <Button size="compact-xs" variant="default" aria-label={t`Delete the mapping of ${one.value}`} onClick={() => setRemoved(one)}><Trans>Delete…</Trans></Button>, align: "right" },
  ];
  return (
    <>
      <DataTable caption={t`Claim mappings`} columns={columns} rows={data.claimMappings} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="claim-mappings" method={Service.method.listClaimMappings} request={question} /></Pager>
      {removed !== undefined && <Remove mapping={removed} close={() => setRemoved(undefined)} />}
    </>
  );
}

function Remove({ mapping, close }: { readonly mapping: ClaimMapping; readonly close: () => void }) {
  const { t } = useLingui();
  const saving = useSaving(Service.method.deleteClaimMapping, t`The mapping was deleted.`);
  return (
    <Confirmation opened close={close} danger title={<Trans>Delete this mapping?</Trans>} about={`${mapping.claim} = ${mapping.value}`} verb={<Trans>Delete</Trans>} mutation={saving} confirm={() => saving.save({ name: mapping.name }, close)}>
      <Trans>Whoever has the role or the group only because of it loses them at the next sign-in. What an admin set by hand stays.</Trans>
    </Confirmation>
  );
}
