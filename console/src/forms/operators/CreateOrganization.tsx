import { Organizations } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { organizationIdOf } from "../../api/names";
import { FormDialog } from "../../components/FormDialog";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { operatorPaths } from "../../paths";

/** Creates an organization, of which the operator is the first Super Admin, and leads to its page. */
export function CreateOrganization({ close }: { readonly close: () => void }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const zones = Intl.supportedValuesOf("timeZone");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const [wanted, setWanted] = useState({ displayName: "", id: "", timeZone: own });
  const change = (part: Partial<typeof wanted>): void => setWanted({ ...wanted, ...part });
  const requestId = useRequestId(JSON.stringify(wanted));
  const saving = useSaving(Organizations.method.createOrganization, t`The organization is created.`);
  const displayName = wanted.displayName.trim();
  const submit = (): void =>
    saving.save({ organization: { displayName, timeZone: wanted.timeZone }, organizationId: wanted.id.trim(), requestId }, ({ name }) => {
      close();
      void navigate({ to: `${operatorPaths.organization}/${organizationIdOf(name)}` });
    });
  return (
    <FormDialog
      opened close={close} title={<Trans>Create an organization</Trans>} verb={<Trans>Create</Trans>} saving={saving} blocked={displayName === "" ? <Trans>Give the organization a name.</Trans> : undefined} submit={submit}
    >
      <Stack gap="md">
        <Text size="sm"><Trans>You become its first Super Admin. Open it in the account menu to invite the people who run it; you can leave it afterwards.</Trans></Text>
        <TextInput label={t`Name`} required maxLength={200} value={wanted.displayName} onChange={(event) => change({ displayName: event.currentTarget.value })} error={saving.violation("organization.display_name")} data-autofocus />
        <TextInput label={t`Id`} description={t`Such as acme. It stays forever. Empty: one is made`} value={wanted.id} onChange={(event) => change({ id: event.currentTarget.value })} error={saving.violation("organization_id")} />
        <NativeSelect
          label={t`Time zone`} description={t`Its midnight starts days, weeks and months of budgets`} value={wanted.timeZone} onChange={(event) => change({ timeZone: event.currentTarget.value })}
          data={zones.includes(own) ? zones : [own, ...zones]} error={saving.violation("organization.time_zone")}
        />
      </Stack>
    </FormDialog>
  );
}
