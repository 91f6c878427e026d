import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type Credential, Credential_Kind, Credential_State, Credentials } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Group, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { Confirmation } from "../../components/Confirmation";
import { Part } from "../../components/Part";
import { ChangeCredential } from "../../forms/ChangeCredential";
import { CreateCredential } from "../../forms/CreateCredential";
import { useParent } from "../../hooks/account";
import { pageSize, usePaging } from "../../hooks/paging";
import { useSaving } from "../../hooks/saving";
import { PageHeader } from "../../layouts/PageHeader";
import { type Column, DataTable } from "../../table/DataTable";
import { Pager } from "../../table/Pager";
import { EmptyState } from "../../ui/EmptyState";
import { Secret } from "../../ui/Secret";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";

/** The credentials that are no person's: of a directory and of programs. */
export function CredentialList() {
  const [creating, setCreating] = useState(false);
  const [secret, setSecret] = useState<string | undefined>(undefined);
  const denied = <EmptyState title={<Trans>You may not see the credentials</Trans>} step={<Trans>Super Admins see them.</Trans>} />;
  return (
    <>
      <PageHeader
        title={<Trans>Credentials</Trans>} hint={<Trans>For a directory's SCIM connection and for programs. They belong to no person and stay when their creator leaves.</Trans>}
        actions={<Button onClick={() => setCreating(true)}><Trans>Create a credential</Trans></Button>}
      />
      <Stack gap="lg">
        {secret !== undefined && <Secret secret={secret}><Trans>It is sent as a bearer token. It is shown only once.</Trans></Secret>}
        <Surface flush><Part height={320} denied={denied}><Found onSecret={setSecret} /></Part></Surface>
      </Stack>
      {creating && <CreateCredential close={() => setCreating(false)} onSecret={setSecret} />}
    </>
  );
}

function Found({ onSecret }: { readonly onSecret: (secret: string) => void }) {
  const parent = useParent();
  const { t } = useLingui();
  const [act, setAct] = useState<{ readonly kind: "change" | "rotate" | "revoke"; readonly credential: Credential } | undefined>(undefined);
  const paging = usePaging(parent);
  const { data } = useSuspenseQuery(Credentials.method.listCredentials, { parent, pageSize, pageToken: paging.token });
  if (data.credentials.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>No credentials yet</Trans>} step={<Trans>A credential connects a directory by SCIM, or lets a program administer the organization. Choose “Create a credential” above.</Trans>} command="megarouter credentials create Directory --kind scim" />;
  }
  const kinds = { [Credential_Kind.UNSPECIFIED]: "", [Credential_Kind.SCIM]: t`Directory (SCIM)`, [Credential_Kind.AUTOMATION]: t`Automation` };
  const columns: readonly Column<Credential>[] = [
    { id: "name", header: <Trans>Name</Trans>, cell: (one) => <><Text size="sm" fw={500} className="cut">{one.displayName}</Text><Text size="xs" c="dimmed" ff="monospace" className="cut">{one.obfuscatedSecret}</Text></> },
    { id: "kind", header: <Trans>Kind</Trans>, cell: (one) => kinds[one.kind], shown: "wide" },
    { id: "permissions", header: <Trans>Permissions</Trans>, cell: (one) => one.permissions.length, align: "right", shown: "very-wide" },
    { id: "ends", header: <Trans>Ends</Trans>, cell: (one) => <Time value={one.expireTime} />, shown: "very-wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (one) => <CredentialState state={one.state} />, shown: "wide" },
    {
      id: "actions", header: <Trans>Actions</Trans>, align: "right",
      cell: (one) =>
        one.state === Credential_State.ACTIVE ? (
          <Group gap="xs" justify="flex-end">
            <Button size="compact-xs" variant="default" onClick={() => setAct({ kind: "change", credential: one })} aria-label={t`Change ${one.displayName}`}><Trans>Change</Trans></Button>
            <Button size="compact-xs" variant="default" onClick={() => setAct({ kind: "rotate", credential: one })} aria-label={t`Rotate ${one.displayName}`}><Trans>Rotate</Trans></Button>
            <Button size="compact-xs" variant="light" color="red" onClick={() => setAct({ kind: "revoke", credential: one })} aria-label={t`Revoke ${one.displayName}`}><Trans>Revoke</Trans></Button>
          </Group>
        ) : "—",
    },
  ];
  return (
    <>
      <DataTable caption={t`Credentials`} columns={columns} rows={data.credentials} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken} />
      {act?.kind === "change" && <ChangeCredential credential={act.credential} close={() => setAct(undefined)} />}
      {act !== undefined && act.kind !== "change" && <Acts kind={act.kind} credential={act.credential} close={() => setAct(undefined)} onSecret={onSecret} />}
    </>
  );
}

interface ActsProps {
  readonly kind: "rotate" | "revoke";
  readonly credential: Credential;
  readonly close: () => void;
  readonly onSecret: (secret: string) => void;
}

function Acts({ kind, credential, close, onSecret }: ActsProps) {
  const { t } = useLingui();
  const rotate = useSaving(Credentials.method.rotateCredential);
  const revoke = useSaving(Credentials.method.revokeCredential, t`The credential is revoked.`);
  const { name } = credential;
  return (
    <>
      <Confirmation
        opened={kind === "rotate"} close={close} title={<Trans>Give this credential a new secret?</Trans>} about={credential.displayName} verb={<Trans>Rotate</Trans>} mutation={rotate}
        confirm={() => rotate.save({ name }, ({ secret }) => { onSecret(secret); close(); })}
      >
        <Trans>The new secret is shown once. The old one stays valid for 24 hours.</Trans>
      </Confirmation>
      <Confirmation opened={kind === "revoke"} close={close} title={<Trans>Revoke this credential for good?</Trans>} about={credential.displayName} verb={<Trans>Revoke</Trans>} mutation={revoke} danger confirm={() => revoke.save({ name }, close)}>
        <Trans>{credential.displayName} and all its secrets are refused from the next call on. That cannot be undone.</Trans>
      </Confirmation>
    </>
  );
}

function CredentialState({ state }: { readonly state: Credential_State }) {
  const { t } = useLingui();
  const { label, color } = {
    [Credential_State.UNSPECIFIED]: { label: "", color: "gray" }, [Credential_State.ACTIVE]: { label: t`Active`, color: "teal" }, [Credential_State.EXPIRED]: { label: t`Expired`, color: "gray" },
    [Credential_State.REVOKED]: { label: t`Revoked`, color: "red" },
  }[state];
  return <Badge variant="light" radius="sm" tt="none" color={color}>{label}</Badge>;
}
