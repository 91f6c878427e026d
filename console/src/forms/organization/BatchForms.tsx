import { type Member, Members } from "@megarouter/admin";
import { Plural, Trans, useLingui } from "@lingui/react/macro";
import { List, Stack, Text } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { FormDialog } from "../../components/FormDialog";
import { usePlace } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { mayUseGroup, roleFits } from "../../util/permissions";
import { GroupField } from "../fields/GroupField";

export type BatchAct = "move" | "suspend" | "resume" | "remove";

const mostNamed = 12;
const mostChosen = 1000;

interface BatchProps {
  readonly members: readonly Member[];
  readonly close: () => void;
  readonly done: () => void;
}

/** Does the same with all chosen members, or with none of them. */
export function BatchDialog({ act, ...rest }: BatchProps & { readonly act: BatchAct | undefined }) {
  switch (act) {
    case "move":
      return <MoveAll {...rest} />;
    case "suspend":
      return <SuspendAll {...rest} />;
    case "resume":
      return <ResumeAll {...rest} />;
    case "remove":
      return <RemoveAll {...rest} />;
    default:
      return null;
  }
}

function useBatch({ members, close, done }: BatchProps) {
  const parent = usePlace().account.organization;
  const saved = (): void => {
    done();
    close();
  };
  const blocked: ReactNode | undefined = members.length > mostChosen ? <Trans>Choose at most {mostChosen} at a time.</Trans> : undefined;
  return { parent, names: members.map(({ name }) => name), saved, blocked };
}

function MoveAll(props: BatchProps) {
  const { account } = usePlace();
  const { t } = useLingui();
  const { parent, names, saved, blocked } = useBatch(props);
  const [group, setGroup] = useState("");
  const saving = useSaving(Members.method.batchMoveMembers, t`The members were moved.`);
  const none = mayUseGroup(account, undefined) ? t`No group` : undefined;
  return (
    <FormDialog opened close={props.close} title={<Trans>Move the chosen members</Trans>} verb={<Trans>Move all</Trans>} saving={saving} submit={() => saving.save({ parent, names, group }, saved)} blocked={blocked ?? (group === "" && none === undefined ? <Trans>Choose a group.</Trans> : undefined)}>
      <Stack gap="md">
        <Chosen members={props.members} />
        <GroupField value={group} onChange={setGroup} none={none} canChoose={(one) => mayUseGroup(account, one) && props.members.every((member) => roleFits(member.role, one.level))} />
        <Text size="sm"><Trans>Keys, guardrails and own spend move along. What was spent stays with the former groups. The budgets of the new group apply within a second. All are moved, or none.</Trans></Text>
      </Stack>
    </FormDialog>
  );
}

function SuspendAll(props: BatchProps) {
  const { t } = useLingui();
  const { parent, names, saved, blocked } = useBatch(props);
  const saving = useSaving(Members.method.batchSuspendMembers, t`The members were suspended.`);
  return (
    <FormDialog opened close={props.close} title={<Trans>Suspend the selected members</Trans>} verb={<Trans>Suspend all</Trans>} saving={saving} submit={() => saving.save({ parent, names }, saved)} blocked={blocked}>
      <Stack gap="md">
        <Chosen members={props.members} />
        <Text size="sm"><Trans>Calls with their {keysOf(props.members)} keys are refused within a second, and they can do nothing in the organization until you resume them. All are suspended, or none.</Trans></Text>
      </Stack>
    </FormDialog>
  );
}

function ResumeAll(props: BatchProps) {
  const { t } = useLingui();
  const { parent, names, saved, blocked } = useBatch(props);
  const saving = useSaving(Members.method.batchResumeMembers, t`The members were resumed.`);
  return (
    <FormDialog opened close={props.close} title={<Trans>Resume the selected members</Trans>} verb={<Trans>Resume all</Trans>} saving={saving} submit={() => saving.save({ parent, names }, saved)} blocked={blocked}>
      <Stack gap="md"><Chosen members={props.members} /><Text size="sm"><Trans>Their keys work again within a second. Active members stay active.</Trans></Text></Stack>
    </FormDialog>
  );
}

function RemoveAll(props: BatchProps) {
  const { t } = useLingui();
  const { parent, names, saved, blocked } = useBatch(props);
  const saving = useSaving(Members.method.batchRemoveMembers, t`The members were removed.`);
  return (
    <FormDialog opened close={props.close} danger title={<Trans>Remove the selected members</Trans>} verb={<Trans>Remove all</Trans>} saving={saving} submit={() => saving.save({ parent, names }, saved)} blocked={blocked}>
      <Stack gap="md">
        <Chosen members={props.members} />
        <Text size="sm"><Trans>Their {keysOf(props.members)} keys are deleted for good, and calls with them are refused within a second. Their usage stays. Only new invites bring them back, without the keys. All are removed, or none.</Trans></Text>
      </Stack>
    </FormDialog>
  );
}

function keysOf(members: readonly Member[]): number {
  return members.reduce((count, member) => count + member.keyCount, 0);
}

function Chosen({ members }: { readonly members: readonly Member[] }) {
  const more = members.length - mostNamed;
  return (
    <List size="sm" listStyleType="none">
      {members.slice(0, mostNamed).map((member) => <List.Item key={member.name}><span className="cut">{member.displayName || member.email}</span></List.Item>)}
      {more > 0 && <List.Item><Text size="sm" c="dimmed"><Plural value={more} one="and # more" other="and # more" /></Text></List.Item>}
    </List>
  );
}
