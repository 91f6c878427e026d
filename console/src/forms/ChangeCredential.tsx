import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Credential, Credential_Kind, Credentials, type Permission } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { NativeSelect, Stack, TextInput } from "@mantine/core";
import { useState } from "react";

import { FormDialog } from "../components/FormDialog";
import { useRequestId } from "../hooks/request_id";
import { useSaving } from "../hooks/saving";
import { PermissionsField } from "./fields/PermissionsField";

const dayMs = 24 * 3600_000;

/** Changes the name of a credential, what a program may do with it, and when it ends. Its secret stays. */
export function ChangeCredential({ credential, close }: { readonly credential: Credential; readonly close: () => void }) {
  const { t } = useLingui();
  const { name, etag } = credential;
  const [wanted, setWanted] = useState({ displayName: credential.displayName, permissions: credential.permissions as readonly Permission[], days: "" });
  const change = (part: Partial<typeof wanted>): void => setWanted({ ...wanted, ...part });
  const requestId = useRequestId(JSON.stringify([etag, wanted]));
  const saving = useSaving(Credentials.method.updateCredential, t`The credential is saved.`);
  const isAutomation = credential.kind === Credential_Kind.AUTOMATION;
  const displayName = wanted.displayName.trim();
  const submit = (): void => {
    const end = wanted.days === "" ? {} : { expireTime: timestampFromDate(new Date(Date.now() + Number(wanted.days) * dayMs)) };
    const paths = ["display_name", ...(isAutomation ? ["permissions"] : []), ...(wanted.days === "" ? [] : ["expire_time"])];
    saving.save({ credential: { name, etag, displayName, ...(isAutomation ? { permissions: [...wanted.permissions] } : {}), ...end }, updateMask: { paths }, requestId }, close);
  };
  return (
    <FormDialog
      opened close={close} title={<Trans>Change the credential</Trans>} about={credential.displayName} verb={<Trans>Save</Trans>} saving={saving} submit={submit}
      blocked={displayName === "" ? <Trans>Give it a name.</Trans> : isAutomation && wanted.permissions.length === 0 ? <Trans>Choose at least one permission.</Trans> : undefined}
    >
      <Stack gap="md">
        <TextInput label={t`Name`} description={t`The audit log shows it`} required maxLength={200} value={wanted.displayName} onChange={(event) => change({ displayName: event.currentTarget.value })} error={saving.violation("credential.display_name")} data-autofocus />
        {isAutomation && <PermissionsField value={wanted.permissions} onChange={(permissions) => change({ permissions })} error={saving.violation("credential.permissions")} />}
        <NativeSelect
          label={t`Ends`} value={wanted.days} onChange={(event) => change({ days: event.currentTarget.value })} error={saving.violation("credential.expire_time")}
          data={[{ value: "", label: t`As before` }, { value: "30", label: t`In 30 days` }, { value: "90", label: t`In 90 days` }]}
        />
      </Stack>
    </FormDialog>
  );
}
