import { Role, SignInLinks } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Modal, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { FormDialog } from "../../components/FormDialog";
import { usePlace } from "../../hooks/account";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { Secret } from "../../ui/Secret";
import { MemberField } from "../fields/MemberField";
import { RoleAndGroup } from "../fields/RoleAndGroup";

interface Wanted {
  readonly whom: "member" | "new";
  readonly member: string;
  readonly displayName: string;
  readonly role: Role;
  readonly group: string;
}

/** Makes a link with which somebody signs in once: a member below the person, or a new one without an identity provider. */
export function CreateSignInLink({ close, of = "" }: { readonly close: () => void; readonly of?: string }) {
  const { account } = usePlace();
  const { t } = useLingui();
  const [wanted, setWanted] = useState<Wanted>({ whom: "member", member: of, displayName: "", role: Role.MEMBER, group: account.group });
  const [made, setMade] = useState<string | undefined>(undefined);
  const requestId = useRequestId(JSON.stringify(wanted));
  const saving = useSaving(SignInLinks.method.createSignInLink);
  const change = (part: Partial<Wanted>): void => setWanted({ ...wanted, ...part });
  const { member, role, group } = wanted;
  const displayName = wanted.displayName.trim();
  if (made !== undefined) {
    return (
      <Modal opened onClose={close} title={<Text fw={600}><Trans>The link is ready</Trans></Text>} centered>
        <Secret secret={made}><Trans>It is shown only once, and works once. Whoever has it can sign in as the member.</Trans></Secret>
      </Modal>
    );
  }
  const isNew = wanted.whom === "new";
  const blocked = isNew ? (displayName === "" ? <Trans>Enter the person's name.</Trans> : undefined) : member === "" ? <Trans>Choose a member.</Trans> : undefined;
  const signInLink = isNew ? { newMember: { displayName, role, group } } : { member };
  return (
    <FormDialog
      opened close={close} title={<Trans>Create a sign-in link</Trans>} verb={<Trans>Create the link</Trans>} saving={saving} blocked={blocked}
      submit={() => saving.save({ parent: account.organization, signInLink, requestId }, ({ link, secret }) => setMade(link || secret))}
    >
      <Stack gap="md">
        <SegmentedControl aria-label={t`Whom the link is for`} value={wanted.whom} onChange={(whom) => change({ whom: whom as Wanted["whom"] })} fullWidth data={[{ value: "member", label: t`A member` }, { value: "new", label: t`A new member` }]} />
        {isNew ? (
          <>
            <Text size="sm"><Trans>For somebody without an identity provider, who can accept no invite. They become a member at once.</Trans></Text>
            <TextInput label={t`Name`} required maxLength={200} value={wanted.displayName} onChange={(event) => change({ displayName: event.currentTarget.value })} error={saving.violation("sign_in_link.new_member.display_name")} />
            <RoleAndGroup role={role} group={group} change={change} violation={saving.violation} path="sign_in_link.new_member" />
          </>
        ) : (
          <>
            <Text size="sm"><Trans>For an active member whose role is below yours. Their earlier links that are not used yet are revoked.</Trans></Text>
            <MemberField label={t`Member`} value={member} onChange={(chosen) => change({ member: chosen })} error={saving.violation("sign_in_link.member")} />
          </>
        )}
      </Stack>
    </FormDialog>
  );
}
