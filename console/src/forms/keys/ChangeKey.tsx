import { type ApiKey, ApiKeys } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { idOf, guardrailOf } from "../../api/names";
import { FormDialog } from "../../components/FormDialog";
import { useTimeZone } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { momentOf, textOfMoment } from "../../util/times";
import { pathOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { MomentField } from "../fields/MomentField";

/** Changes the name, the end and the addresses of a key. Its other limits are those of its guardrail. */
export function ChangeKey({ of, close }: { readonly of: ApiKey; readonly close: () => void }) {
  const { t } = useLingui();
  const zone = useTimeZone();
  const [name, setName] = useState(of.displayName);
  const [end, setEnd] = useState(textOfMoment(of.expireTime, zone));
  const [addresses, setAddresses] = useState([...of.ipAllowList]);
  const saving = useSaving(ApiKeys.method.updateApiKey, t`The key was changed.`);
  const isNewEnd = end !== textOfMoment(of.expireTime, zone);
  const submit = (): void => {
    const expireTime = momentOf(end, zone);
    saving.save({
      apiKey: { name: of.name, etag: of.etag, displayName: name.trim(), ipAllowList: addresses, ...(expireTime === undefined ? {} : { expireTime }) },
      updateMask: { paths: ["display_name", "ip_allow_list", ...(isNewEnd ? ["expire_time"] : [])] },
    }, close);
  };
  return (
    <FormDialog opened close={close} title={<Trans>Change the key</Trans>} about={of.displayName || idOf(of.name)} verb={<Trans>Change</Trans>} saving={saving} submit={submit} blocked={name.trim() === "" ? <Trans>Give the key a name.</Trans> : undefined}>
      <Stack gap="md">
        <TextInput label={t`Name`} required maxLength={200} data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} error={saving.violation("api_key.display_name")} />
        <MomentField label={t`Ends`} value={end} onChange={setEnd} error={saving.violation("api_key.expire_time")} />
        <TagsInput label={t`Only from these addresses`} description={t`Such as 192.0.2.0/24. Empty: every address`} value={addresses} onChange={setAddresses} splitChars={[",", " ", ";"]} error={saving.violation("api_key.ip_allow_list")} />
        <Text size="sm"><AppLink to={pathOf(guardrailOf(of.name))}><Trans>Budget, rates and models are in its guardrail</Trans></AppLink></Text>
      </Stack>
    </FormDialog>
  );
}
