import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type OwnProviderCredential, OwnProviderCredentials } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Code, Text } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { useSaving } from "../../hooks/saving";
import { type Column, DataTable } from "../../table/DataTable";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";

/** The keys that an organization has at providers itself, for operators. */
export function OwnKeysOf({ organization, displayName }: { readonly organization: string; readonly displayName: string }) {
  const { t } = useLingui();
  const [revoked, setRevoked] = useState<OwnProviderCredential | undefined>(undefined);
  const saving = useSaving(OwnProviderCredentials.method.revokeOwnProviderCredential, t`The key is revoked.`);
  const { data } = useSuspenseQuery(OwnProviderCredentials.method.searchOwnProviderCredentials, { parent: organization });
  const keys = data.ownProviderCredentials;
  const provider = idOf(revoked?.name ?? "");
  const columns: readonly Column<OwnProviderCredential>[] = [
    { id: "provider", header: <Trans>Provider</Trans>, cell: (one) => <Text size="sm" fw={500} className="cut">{idOf(one.name)}</Text> },
    { id: "fingerprint", header: <Trans>Fingerprint</Trans>, cell: (one) => <Code style={{ background: "transparent", padding: 0 }}>{one.fingerprint}</Code>, shown: "wide" },
    { id: "who", header: <Trans>Set by</Trans>, cell: (one) => <span className="cut">{one.setterDisplayName || idOf(one.setter)}</span>, shown: "wide" },
    { id: "when", header: <Trans>Set</Trans>, cell: (one) => <Time value={one.setTime} />, shown: "very-wide" },
    { id: "act", header: <Trans>Action</Trans>, cell: (one) => <Button size="compact-xs" variant="light" color="red" onClick={() => setRevoked(one)} aria-label={t`Revoke the key at ${idOf(one.name)}`}><Trans>Revoke…</Trans></Button>, align: "right" },
  ];
  return (
    <Surface flush={keys.length > 0} title={<Trans>Own keys at providers</Trans>} hint={<Trans>Its calls to these providers carry its own key. Operators can remove a key, and neither set nor read one.</Trans>}>
      {keys.length === 0 ? <Text size="sm"><Trans>It has none. All its calls carry the gateway's keys.</Trans></Text> : <DataTable caption={t`Own keys at providers`} columns={columns} rows={keys} keyOf={(one) => one.name} />}
      <Confirmation
        opened={revoked !== undefined} close={() => setRevoked(undefined)} danger title={<Trans>Revoke this key?</Trans>} about={`${displayName} · ${provider}`} verb={<Trans>Revoke</Trans>} mutation={saving}
        confirm={() => saving.save({ name: revoked?.name ?? "" }, () => setRevoked(undefined))}
      >
        <Trans>The next calls of {displayName} to {provider} carry the gateway's key, and the provider bills your account. Calls that run end with the key they began with. The audit log of the organization shows it, and a Super Admin there can set a key again.</Trans>
      </Confirmation>
    </Surface>
  );
}
