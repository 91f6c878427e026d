import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { AccessTokens, Permission } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { NativeSelect, Stack, TextInput } from "@mantine/core";
import { useState } from "react";

import { FormDialog } from "../../components/FormDialog";
import { usePlace } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";

const dayMs = 24 * 3600_000;

/** Every permission to read, by the names of the API. */
const reading = Object.entries(Permission).flatMap(([name, value]) => (typeof value === "number" && name.endsWith("_READ") ? [value] : []));

type Scope = "all" | "organization" | "reading";

/** Makes an access token for the command line or a program. It can do at most what the person can. */
export function CreateToken({ close, onSecret }: { readonly close: () => void; readonly onSecret: (secret: string) => void }) {
  const { account, organization } = usePlace();
  const { t } = useLingui();
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Scope>("organization");
  const [days, setDays] = useState("");
  const saving = useSaving(AccessTokens.method.createAccessToken);
  const submit = (): void =>
    saving.save({
      parent: "users/me",
      accessToken: {
        displayName: name.trim(), organization: scope === "all" ? "" : account.organization, permissions: scope === "reading" ? reading : [],
        ...(days === "" ? {} : { expireTime: timestampFromDate(new Date(Date.now() + Number(days) * dayMs)) }),
      },
    }, ({ secret }) => {
      onSecret(secret);
      close();
    });
  const here = organization.displayName || t`this account`;
  return (
    <FormDialog opened close={close} title={<Trans>Create an access token</Trans>} verb={<Trans>Create</Trans>} saving={saving} submit={submit} blocked={name.trim() === "" ? <Trans>Give the token a name.</Trans> : undefined}>
      <Stack gap="md">
        <TextInput label={t`Name`} description={t`What uses it, such as laptop or nightly report`} required maxLength={200} data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} error={saving.violation("access_token.display_name")} />
        <NativeSelect
          label={t`What it may do`} value={scope} onChange={(event) => setScope(event.currentTarget.value as Scope)} error={saving.violation("access_token.permissions")}
          data={[{ value: "reading", label: t`Read in ${here}` }, { value: "organization", label: t`Everything you may do, in ${here}` }, { value: "all", label: t`Everything you may do, everywhere` }]}
        />
        <NativeSelect
          label={t`Ends`} value={days} onChange={(event) => setDays(event.currentTarget.value)} error={saving.violation("access_token.expire_time")}
          data={[{ value: "", label: t`The latest that you may choose` }, { value: "1", label: t`In a day` }, { value: "7", label: t`In 7 days` }, { value: "30", label: t`In 30 days` }, { value: "90", label: t`In 90 days` }]}
        />
      </Stack>
    </FormDialog>
  );
}
