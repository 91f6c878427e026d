import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type ApiKey, ApiKeys, ServiceAccounts } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Checkbox, NativeSelect, SegmentedControl, Stack, Text } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../../api/names";
import { FormDialog } from "../../components/FormDialog";
import { Part } from "../../components/Part";
import { isAdmin, usePlace } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { MemberField } from "../fields/MemberField";
import { SentenceGap } from "../../ui/SentenceGap";

const mostShown = 500;

/** Gives a key to another owner. Programs that use it go on. */
export function TransferKey({ of, close, onSecret }: { readonly of: ApiKey; readonly close: () => void; readonly onSecret: (secret: string) => void }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const [kind, setKind] = useState("member");
  const [owner, setOwner] = useState("");
  const [rotates, setRotates] = useState(true);
  const saving = useSaving(ApiKeys.method.transferApiKey, t`The key was transferred.`);
  const submit = (): void =>
    saving.save({ name: of.name, etag: of.etag, rotateSecret: rotates, ...(kind === "member" ? { member: owner } : { serviceAccount: owner }) }, ({ secret }) => {
      if (secret !== "") onSecret(secret);
      close();
    });
  const present = of.memberDisplayName;
  return (
    <FormDialog opened close={close} title={<Trans>Transfer the key</Trans>} about={of.displayName || idOf(of.name)} verb={<Trans>Transfer</Trans>} saving={saving} submit={submit} blocked={!isAdmin(account) ? <Trans>Only an admin of both owners transfers a key.</Trans> : owner === "" ? <Trans>Choose the new owner.</Trans> : undefined}>
      <Stack gap="md">
        <SegmentedControl aria-label={t`Kind of owner`} value={kind} onChange={(next) => { setKind(next); setOwner(""); }} data={[{ value: "member", label: t`A member` }, { value: "service", label: t`A service account` }]} />
        {kind === "member" ? <MemberField label={t`New owner`} value={owner} onChange={setOwner} filter="state = STATE_ACTIVE" /> : <Part height={60}><ServiceAccountField value={owner} onChange={setOwner} /></Part>}
        <Checkbox label={t`Give it a new secret; the old one stops working immediately`} checked={rotates} onChange={(event) => setRotates(event.currentTarget.checked)} />
        <Text size="sm"><Trans>What was spent stays with {present} and their groups. Later calls count with the new owner, whose limits apply within a second. Name, limits and own spend of the key stay.</Trans><SentenceGap />{!rotates && <Trans>{present} may still know the secret.</Trans>}</Text>
      </Stack>
    </FormDialog>
  );
}

function ServiceAccountField({ value, onChange }: { readonly value: string; readonly onChange: (name: string) => void }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const { data } = useSuspenseQuery(ServiceAccounts.method.listServiceAccounts, { parent: account.organization, pageSize: mostShown, filter: "state = STATE_ACTIVE" });
  return <NativeSelect label={t`New owner`} value={value} onChange={(event) => onChange(event.currentTarget.value)} data={[{ value: "", label: t`Choose a service account` }, ...data.serviceAccounts.map((one) => ({ value: one.name, label: one.displayName }))]} />;
}
