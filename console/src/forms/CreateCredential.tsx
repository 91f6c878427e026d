import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Credential_Kind, Credentials, type Permission } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Checkbox, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useState } from "react";

import { FormDialog } from "../components/FormDialog";
import { useParent } from "../hooks/account";
import { useRequestId } from "../hooks/request_id";
import { useSaving } from "../hooks/saving";
import { PermissionsField } from "./fields/PermissionsField";

const dayMs = 24 * 3600_000;

export function CreateCredential({ close, onSecret }: { readonly close: () => void; readonly onSecret: (secret: string) => void }) {
  const parent = useParent();
  const { t } = useLingui();
  const [displayName, setDisplayName] = useState("");
  const [kind, setKind] = useState<Credential_Kind>(Credential_Kind.SCIM);
  const [chosen, setChosen] = useState<readonly Permission[]>([]);
  const [mayChangeAdmins, setMayChangeAdmins] = useState(false);
  const [days, setDays] = useState("");
  const requestId = useRequestId(JSON.stringify([displayName, kind, chosen, mayChangeAdmins, days]));
  const creation = useSaving(Credentials.method.createCredential, t`The credential is created.`);
  const isScim = kind === Credential_Kind.SCIM;
  const submit = (): void =>
    creation.save(
      {
        parent, requestId,
        credential: {
          displayName: displayName.trim(), kind, ...(isScim ? { mayChangeAdmins } : { permissions: [...chosen] }),
          ...(days === "" ? {} : { expireTime: timestampFromDate(new Date(Date.now() + Number(days) * dayMs)) }),
        },
      },
      ({ secret }) => {
        onSecret(secret);
        close();
      },
    );
  return (
    <FormDialog
      opened close={close} title={<Trans>Create a credential</Trans>} verb={<Trans>Create</Trans>} saving={creation} submit={submit}
      blocked={displayName.trim() === "" ? <Trans>Give it a name.</Trans> : !isScim && chosen.length === 0 ? <Trans>Choose at least one permission.</Trans> : undefined}
    >
      <Stack gap="md">
        <TextInput label={t`Name`} description={t`The audit log shows it`} required maxLength={200} value={displayName} onChange={(event) => setDisplayName(event.currentTarget.value)} error={creation.violation("credential.display_name")} data-autofocus />
        <NativeSelect
          label={t`Kind`} value={String(kind)} onChange={(event) => setKind(Number(event.currentTarget.value) as Credential_Kind)}
          data={[{ value: String(Credential_Kind.SCIM), label: t`Directory (SCIM)` }, { value: String(Credential_Kind.AUTOMATION), label: t`Automation` }]}
        />
        {isScim ? (
          <Checkbox label={t`The directory may suspend and remove admins`} description={t`Never Super Admins. This is set for good.`} checked={mayChangeAdmins} onChange={(event) => setMayChangeAdmins(event.currentTarget.checked)} />
        ) : (
          <PermissionsField value={chosen} onChange={setChosen} error={creation.violation("credential.permissions")} />
        )}
        <NativeSelect
          label={t`Ends`} value={days} onChange={(event) => setDays(event.currentTarget.value)} error={creation.violation("credential.expire_time")}
          data={[{ value: "", label: t`The latest that the deployment allows` }, { value: "30", label: t`In 30 days` }, { value: "90", label: t`In 90 days` }]}
        />
      </Stack>
    </FormDialog>
  );
}
