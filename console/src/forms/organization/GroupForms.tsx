import { type Group, Groups } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { FormDialog } from "../../components/FormDialog";
import { MovePreview } from "../../components/MovePreview";
import { usePlace } from "../../hooks/account";
import { useGroups } from "../../hooks/groups";
import { useSaving } from "../../hooks/saving";
import { mayUseGroup } from "../../util/permissions";
import { GroupField } from "../fields/GroupField";

/** What is to be done with a group. */
export type GroupAct =
  | { readonly kind: "create"; readonly below: Group | undefined }
  | { readonly kind: "rename" | "delete"; readonly group: Group }
  | { readonly kind: "move"; readonly group: Group; readonly to?: string };

interface GroupDialogProps {
  readonly act: GroupAct | undefined;
  readonly close: () => void;
  readonly onDeleted?: () => void;
}

/** The dialog for what is to be done. */
export function GroupDialog({ act, close, onDeleted }: GroupDialogProps) {
  switch (act?.kind) {
    case "create":
      return <CreateGroup below={act.below} close={close} />;
    case "rename":
      return <RenameGroup group={act.group} close={close} />;
    case "move":
      return <MoveGroup group={act.group} to={act.to} close={close} />;
    case "delete":
      return <DeleteGroup group={act.group} close={close} onDeleted={onDeleted} />;
    default:
      return null;
  }
}

function CreateGroup({ below, close }: { readonly below: Group | undefined; readonly close: () => void }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const [name, setName] = useState("");
  const [id, setId] = useState("");
  const saving = useSaving(Groups.method.createGroup, t`The group was created.`);
  const submit = (): void => saving.save({ parent: account.organization, groupId: id.trim(), group: { displayName: name.trim(), parentGroup: below?.name ?? "" } }, close);
  return (
    <FormDialog opened close={close} title={below === undefined ? <Trans>Create a group</Trans> : <Trans>Create a group below {below.displayName}</Trans>} verb={<Trans>Create</Trans>} saving={saving} submit={submit} blocked={name.trim() === "" ? <Trans>Give the group a name.</Trans> : undefined}>
      <Stack gap="md">
        <TextInput label={t`Name`} required maxLength={200} data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} error={saving.violation("group.display_name")} />
        <TextInput label={t`Id`} description={t`The last part of its address, such as engineering. Leave it empty to generate one`} value={id} onChange={(event) => setId(event.currentTarget.value)} error={saving.violation("group_id")} />
      </Stack>
    </FormDialog>
  );
}

function RenameGroup({ group, close }: { readonly group: Group; readonly close: () => void }) {
  const { t } = useLingui();
  const [name, setName] = useState(group.displayName);
  const saving = useSaving(Groups.method.updateGroup, t`The group was renamed.`);
  const submit = (): void => saving.save({ group: { name: group.name, displayName: name.trim(), etag: group.etag }, updateMask: { paths: ["display_name"] } }, close);
  return (
    <FormDialog opened close={close} title={<Trans>Rename the group</Trans>} verb={<Trans>Rename</Trans>} saving={saving} submit={submit} blocked={name.trim() === "" ? <Trans>Give the group a name.</Trans> : undefined}>
      <TextInput label={t`Name`} description={t`Its id stays ${idOf(group.name)}.`} required maxLength={200} data-autofocus value={name} onChange={(event) => setName(event.currentTarget.value)} error={saving.violation("group.display_name")} />
    </FormDialog>
  );
}

function MoveGroup({ group, to, close }: { readonly group: Group; readonly to?: string | undefined; readonly close: () => void }) {
  const { t } = useLingui();
  const [parent, setParent] = useState(to ?? group.parentGroup);
  const saving = useSaving(Groups.method.moveGroup, t`The group was moved.`);
  return (
    <FormDialog
      opened close={close} wide title={<Trans>Move {group.displayName}</Trans>} verb={<Trans>Move</Trans>} saving={saving}
      blocked={parent === group.parentGroup ? <Trans>Choose another place.</Trans> : undefined} submit={() => saving.save({ name: group.name, parentGroup: parent, etag: group.etag }, close)}
    >
      <MoveGroupFields group={group} parent={parent} setParent={setParent} />
    </FormDialog>
  );
}

function MoveGroupFields({ group, parent, setParent }: { readonly group: Group; readonly parent: string; readonly setParent: (parent: string) => void }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const groups = useGroups();
  const canChoose = (one: Group): boolean => !one.path.includes(group.name) && mayUseGroup(account, one);
  const target = groups.find((one) => one.name === parent);
  return (
    <Stack gap="md">
      <GroupField label={t`New place`} value={parent} onChange={setParent} none={mayUseGroup(account, undefined) ? t`On level 1` : undefined} canChoose={canChoose} />
      <Text size="sm"><Trans>{Number(group.subtreeMemberCount)} people move with it. Budgets, spend and history of the group and of those below it stay as they are. The change applies within a second.</Trans></Text>
      <MovePreview from={group.path.slice(0, -1)} to={target?.path ?? []} />
    </Stack>
  );
}

function DeleteGroup({ group, close, onDeleted }: { readonly group: Group; readonly close: () => void; readonly onDeleted: (() => void) | undefined }) {
  const { t } = useLingui();
  const saving = useSaving(Groups.method.deleteGroup, t`The group was deleted.`);
  const remove = (): void =>
    saving.save({ name: group.name, etag: group.etag }, () => {
      close();
      onDeleted?.();
    });
  return (
    <Confirmation opened close={close} title={<Trans>Delete {group.displayName}?</Trans>} about={undefined} verb={<Trans>Delete</Trans>} danger mutation={saving} confirm={remove}>
      {group.childCount > 0 || group.memberCount > 0n ? (
        <Trans>It has {group.childCount} groups and {Number(group.memberCount)} members. Move them first: only an empty group can be deleted.</Trans>
      ) : (
        <Trans>Pending invites into it are revoked. Its usage stays in all reports. Its id is never used again, and it cannot be brought back.</Trans>
      )}
    </Confirmation>
  );
}
