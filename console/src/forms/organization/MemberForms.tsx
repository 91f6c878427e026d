import { type Group, type Member, Members, Role } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { useDeployment } from "../../api/deployment";
import { Confirmation } from "../../components/Confirmation";
import { FormDialog } from "../../components/FormDialog";
import { MovePreview } from "../../components/MovePreview";
import { usePlace } from "../../hooks/account";
import { useGroups } from "../../hooks/groups";
import { useRoleName } from "../../hooks/labels";
import { useSaving } from "../../hooks/saving";
import { grantableRoles, mayUseGroup, roleFits } from "../../util/permissions";
import { GroupField } from "../fields/GroupField";

export type MemberAct = "place" | "suspend" | "resume" | "remove" | "link";

interface MemberFormProps {
  readonly member: Member;
  readonly close: () => void;
}

/** The dialog for what is to be done with a member. */
export function MemberDialog({ act, member, close }: MemberFormProps & { readonly act: MemberAct | undefined }) {
  switch (act) {
    case "place":
      return <PlaceMember member={member} close={close} />;
    case "suspend":
      return <SuspendMember member={member} close={close} />;
    case "resume":
      return <ResumeMember member={member} close={close} />;
    case "remove":
      return <RemoveMember member={member} close={close} />;
    case "link":
      return <LinkIdentity member={member} close={close} />;
    default:
      return null;
  }
}

/** Role and group together, because one must fit the other. */
function PlaceMember({ member, close }: MemberFormProps) {
  const { t } = useLingui();
  const [role, setRole] = useState(member.role);
  const [group, setGroup] = useState(member.group);
  const move = useSaving(Members.method.moveMember, t`The member was moved.`);
  const change = useSaving(Members.method.changeMemberRole, t`The member was changed.`);
  const saving = role === member.role ? move : change;
  const submit = (): void => {
    const { name, etag } = member;
    if (role === member.role) move.save({ name, etag, group }, close);
    else change.save({ name, etag, role, group }, close);
  };
  const same = role === member.role && group === member.group;
  return (
    <FormDialog opened close={close} wide title={<Trans>Role and group of {member.displayName || member.email}</Trans>} verb={<Trans>Change</Trans>} saving={saving} submit={submit} blocked={same ? <Trans>Choose another role or group.</Trans> : undefined}>
      <PlaceFields member={member} role={role} setRole={setRole} group={group} setGroup={setGroup} />
    </FormDialog>
  );
}

interface PlaceFieldsProps {
  readonly member: Member;
  readonly role: Role;
  readonly setRole: (role: Role) => void;
  readonly group: string;
  readonly setGroup: (group: string) => void;
}

function PlaceFields({ member, role, setRole, group, setGroup }: PlaceFieldsProps) {
  const { account } = usePlace();
  const { t } = useLingui();
  const roleName = useRoleName();
  const groups = useGroups();
  const target = groups.find((one) => one.name === group);
  const fits = (one: Group | undefined): boolean => mayUseGroup(account, one) && roleFits(role, one?.level ?? 0);
  const choose = (next: Role): void => {
    setRole(next);
    if (!roleFits(next, target?.level ?? 0)) setGroup("");
  };
  return (
    <Stack gap="md">
      <NativeSelect label={t`Role`} value={String(role)} onChange={(event) => choose(Number(event.currentTarget.value))} data={grantableRoles(account).map((one) => ({ value: String(one), label: roleName(one) }))} />
      {role !== Role.SUPER_ADMIN && <GroupField value={group} onChange={setGroup} none={fits(undefined) ? t`No group` : undefined} canChoose={fits} />}
      <Text size="sm">{role === member.role ? <Trans>Keys, guardrail and own spend move along. What was spent stays with the former groups. The change applies within a second.</Trans> : <RoleEffect role={role} />}</Text>
      {group !== member.group && <MovePreview from={groups.find((one) => one.name === member.group)?.path ?? []} to={target?.path ?? []} />}
    </Stack>
  );
}

function RoleEffect({ role }: { readonly role: Role }) {
  switch (role) {
    case Role.SUPER_ADMIN:
      return <Trans>A Super Admin may do everything in the organization and belongs to no group.</Trans>;
    case Role.L1_ADMIN:
      return <Trans>An L1 Admin manages groups, people, keys and guardrails below a group of level 1, and tops up credit.</Trans>;
    case Role.SUB_ADMIN:
      return <Trans>A Sub-Admin manages people, keys and guardrails in a group of level 2 to 4 and below.</Trans>;
    default:
      return <Trans>A member manages their own keys and sees their own usage only.</Trans>;
  }
}

function SuspendMember({ member, close }: MemberFormProps) {
  const { t } = useLingui();
  const saving = useSaving(Members.method.suspendMember, t`The member was suspended.`);
  return (
    <Confirmation opened close={close} title={<Trans>Suspend {member.displayName || member.email}?</Trans>} about={undefined} verb={<Trans>Suspend</Trans>} mutation={saving} confirm={() => saving.save({ name: member.name, etag: member.etag }, close)}>
      <Trans>Calls with their {member.keyCount} keys are refused within a second, and they can do nothing in the organization until you resume them. They keep their seat.</Trans>
    </Confirmation>
  );
}

function ResumeMember({ member, close }: MemberFormProps) {
  const { t } = useLingui();
  const saving = useSaving(Members.method.resumeMember, t`The member was resumed.`);
  return (
    <Confirmation opened close={close} title={<Trans>Resume {member.displayName || member.email}?</Trans>} about={undefined} verb={<Trans>Resume</Trans>} mutation={saving} confirm={() => saving.save({ name: member.name, etag: member.etag }, close)}>
      <Trans>Their keys work again within a second.</Trans>
    </Confirmation>
  );
}

function RemoveMember({ member, close }: MemberFormProps) {
  const { t } = useLingui();
  const saving = useSaving(Members.method.removeMember, t`The member was removed.`);
  return (
    <Confirmation opened close={close} title={<Trans>Remove {member.displayName || member.email}?</Trans>} about={undefined} verb={<Trans>Remove</Trans>} danger mutation={saving} confirm={() => saving.save({ name: member.name, etag: member.etag }, close)}>
      <Trans>Their {member.keyCount} keys are deleted for good, and calls with them are refused within a second. Their seat becomes free, and their usage stays. Only a new invite brings them back, without the keys. Transfer keys that programs still need first.</Trans>
    </Confirmation>
  );
}

function LinkIdentity({ member, close }: MemberFormProps) {
  const { t } = useLingui();
  const providers = useDeployment().identity_providers;
  const [issuer, setIssuer] = useState(providers[0]?.issuer ?? "");
  const [subject, setSubject] = useState("");
  const saving = useSaving(Members.method.linkMemberIdentity, t`The identity was linked.`);
  const blocked = providers.length === 0 ? <Trans>The deployment has no identity provider.</Trans> : subject.trim() === "" ? <Trans>Write the subject.</Trans> : undefined;
  return (
    <FormDialog opened close={close} title={<Trans>Link an identity to {member.displayName || member.email}</Trans>} verb={<Trans>Link</Trans>} saving={saving} blocked={blocked} submit={() => saving.save({ name: member.name, issuer, subject: subject.trim() }, close)}>
      <Stack gap="md">
        <NativeSelect label={t`Identity provider`} value={issuer} onChange={(event) => setIssuer(event.currentTarget.value)} data={providers.map((provider) => ({ value: provider.issuer, label: provider.name }))} error={saving.violation("issuer")} />
        <TextInput label={t`Subject`} description={t`The claim sub. A person who is not linked sees it in the error.`} value={subject} onChange={(event) => setSubject(event.currentTarget.value)} error={saving.violation("subject")} />
        <Text size="sm"><Trans>Whoever signs in with it is this member from then on. It cannot be undone here.</Trans></Text>
      </Stack>
    </FormDialog>
  );
}
