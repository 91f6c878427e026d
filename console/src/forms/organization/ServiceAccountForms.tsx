import { type ServiceAccount, ServiceAccounts } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { Confirmation } from "../../components/Confirmation";
import { FormDialog } from "../../components/FormDialog";
import { MovePreview } from "../../components/MovePreview";
import { usePlace } from "../../hooks/account";
import { useGroups } from "../../hooks/groups";
import { useSaving } from "../../hooks/saving";
import { mayUseGroup } from "../../util/permissions";
import { GroupField } from "../fields/GroupField";

export type ServiceAccountAct = "rename" | "move" | "disable" | "delete";

export function CreateServiceAccount({ close, onMade }: { readonly close: () => void; readonly onMade: (name: string) => void }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const [name, setName] = useState("");
  const [id, setId] = useState("");
  const [group, setGroup] = useState(account.group);
  const none = mayUseGroup(account, undefined) ? t`No group: of the organization itself` : undefined;
  const saving = useSaving(ServiceAccounts.method.createServiceAccount, t`The service account was created.`);
  const submit = (): void => saving.save({ parent: account.organization, serviceAccountId: id.trim(), serviceAccount: { displayName: name.trim(), group } }, (made) => onMade(made.name));
  return (
    <FormDialog opened close={close} title={<Trans>Create a service account</Trans>} verb={<Trans>Create</Trans>} saving={saving} submit={submit} blocked={name.trim() === "" ? <Trans>Give it a name.</Trans> : group === "" && none === undefined ? <Trans>Choose a group.</Trans> : undefined}>
      <Stack gap="md">
        <TextInput label={t`Name`} description={t`What it is, such as build server`} required maxLength={200} data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} error={saving.violation("service_account.display_name")} />
        <TextInput label={t`Id`} description={t`Starts with sa-, such as sa-build. Leave it empty to generate one`} value={id} onChange={(event) => setId(event.currentTarget.value)} error={saving.violation("service_account_id")} />
        <GroupField value={group} onChange={setGroup} none={none} canChoose={(one) => mayUseGroup(account, one)} error={saving.violation("service_account.group")} />
      </Stack>
    </FormDialog>
  );
}

interface ServiceAccountFormProps {
  readonly of: ServiceAccount;
  readonly close: () => void;
}

export function ServiceAccountDialog({ act, of, close }: ServiceAccountFormProps & { readonly act: ServiceAccountAct | undefined }) {
  switch (act) {
    case "rename":
      return <Rename of={of} close={close} />;
    case "move":
      return <Move of={of} close={close} />;
    case "disable":
      return <Disable of={of} close={close} />;
    case "delete":
      return <Delete of={of} close={close} />;
    default:
      return null;
  }
}

function Rename({ of, close }: ServiceAccountFormProps) {
  const { t } = useLingui();
  const [name, setName] = useState(of.displayName);
  const saving = useSaving(ServiceAccounts.method.updateServiceAccount, t`The service account was renamed.`);
  return (
    <FormDialog opened close={close} title={<Trans>Rename the service account</Trans>} verb={<Trans>Rename</Trans>} saving={saving} submit={() => saving.save({ serviceAccount: { name: of.name, displayName: name.trim(), etag: of.etag }, updateMask: { paths: ["display_name"] } }, close)} blocked={name.trim() === "" ? <Trans>Give it a name.</Trans> : undefined}>
      <TextInput label={t`Name`} required maxLength={200} data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} error={saving.violation("service_account.display_name")} />
    </FormDialog>
  );
}

function Move({ of, close }: ServiceAccountFormProps) {
  const { t } = useLingui();
  const [group, setGroup] = useState(of.group);
  const saving = useSaving(ServiceAccounts.method.moveServiceAccount, t`The service account was moved.`);
  return (
    <FormDialog opened close={close} wide title={<Trans>Move {of.displayName}</Trans>} verb={<Trans>Move</Trans>} saving={saving} submit={() => saving.save({ name: of.name, group, etag: of.etag }, close)} blocked={group === of.group ? <Trans>Choose another group.</Trans> : undefined}>
      <MoveFields from={of.group} to={group} setTo={setGroup} />
    </FormDialog>
  );
}

function MoveFields({ from, to, setTo }: { readonly from: string; readonly to: string; readonly setTo: (group: string) => void }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const groups = useGroups();
  const pathOf = (name: string): readonly string[] => groups.find((group) => group.name === name)?.path ?? [];
  return (
    <Stack gap="md">
      <GroupField value={to} onChange={setTo} none={mayUseGroup(account, undefined) ? t`No group` : undefined} canChoose={(one) => mayUseGroup(account, one)} />
      <Text size="sm"><Trans>Keys, guardrail and own spend move along. What was spent stays with the former groups.</Trans></Text>
      <MovePreview from={pathOf(from)} to={pathOf(to)} />
    </Stack>
  );
}

function Disable({ of, close }: ServiceAccountFormProps) {
  const { t } = useLingui();
  const saving = useSaving(ServiceAccounts.method.disableServiceAccount, t`The service account was disabled.`);
  return (
    <Confirmation opened close={close} title={<Trans>Disable {of.displayName}?</Trans>} about={undefined} verb={<Trans>Disable</Trans>} mutation={saving} confirm={() => saving.save({ name: of.name, etag: of.etag }, close)}>
      <Trans>Calls with its {of.keyCount} keys are refused within a second, until you enable it. Running calls go on.</Trans>
    </Confirmation>
  );
}

function Delete({ of, close }: ServiceAccountFormProps) {
  const { t } = useLingui();
  const saving = useSaving(ServiceAccounts.method.deleteServiceAccount, t`The service account was deleted.`);
  return (
    <Confirmation opened close={close} danger title={<Trans>Delete {of.displayName}?</Trans>} about={undefined} verb={<Trans>Delete</Trans>} mutation={saving} confirm={() => saving.save({ name: of.name, etag: of.etag }, close)}>
      <Trans>Its {of.keyCount} keys are deleted for good, and calls with them are refused within a second. Its usage stays. You can restore it with its guardrail, without keys.</Trans>
    </Confirmation>
  );
}
