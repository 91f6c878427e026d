import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Operators, type OrganizationSummary } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Checkbox, Modal, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { useDeployment } from "../../api/deployment";
import { nameOf, organizationIdOf } from "../../api/names";
import { FormDialog } from "../../components/FormDialog";
import { useLanguage } from "../../hooks/language";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { Secret } from "../../ui/Secret";
import { formatCredits, nanoPerCredit, parseCredits } from "../../util/credits";

interface DialogProps {
  readonly summary: OrganizationSummary;
  readonly close: () => void;
}

export function SetCreditLine({ summary, close }: DialogProps) {
  const { t } = useLingui();
  const language = useLanguage();
  const line = summary.creditLine;
  const [text, setText] = useState(() => (line === undefined || line.isUnlimited ? "" : String(line.lineNanoCredits / nanoPerCredit)));
  const [isUnlimited, setUnlimited] = useState(line?.isUnlimited ?? false);
  const requestId = useRequestId(`${summary.name} ${text} ${isUnlimited}`);
  const saving = useSaving(Operators.method.setCreditLine, t`The credit line is set.`);
  const amount = parseCredits(text);
  const used = line?.usedNanoCredits ?? 0n;
  const isBelow = !isUnlimited && amount !== undefined && amount < used;
  return (
    <FormDialog
      opened close={close} title={<Trans>Set the credit line</Trans>} about={nameOf(summary)} verb={<Trans>Set the credit line</Trans>} saving={saving}
      blocked={!isUnlimited && amount === undefined ? <Trans>Enter an amount such as 1000.</Trans> : isBelow ? <Trans>It cannot be below what is used: {formatCredits(used, language, 2)} credits. The used amount as the line stops further top-ups.</Trans> : undefined}
      submit={() => saving.save({ name: summary.name, isUnlimited, lineNanoCredits: isUnlimited ? 0n : (amount ?? 0n), requestId }, close)}
    >
      <Stack gap="md">
        <Text size="sm"><Trans>How much the organization may top up in total without an operator. {formatCredits(used, language, 2)} credits are used.</Trans></Text>
        <TextInput label={t`Line in credits`} inputMode="decimal" value={text} disabled={isUnlimited} onChange={(event) => setText(event.currentTarget.value)} error={saving.violation("line_nano_credits")} data-autofocus />
        <Checkbox label={t`Unlimited`} checked={isUnlimited} onChange={(event) => setUnlimited(event.currentTarget.checked)} />
      </Stack>
    </FormDialog>
  );
}

export function GrantCredit({ summary, close }: DialogProps) {
  const { t } = useLingui();
  const language = useLanguage();
  const [text, setText] = useState("");
  const [reason, setReason] = useState("");
  const requestId = useRequestId(`${summary.name} ${text} ${reason}`);
  const saving = useSaving(Operators.method.grantCredit, t`The credit is granted.`);
  const amount = parseCredits(text) ?? 0n;
  return (
    <FormDialog
      opened close={close} title={<Trans>Grant credit</Trans>} about={nameOf(summary)} verb={<Trans>Grant</Trans>} saving={saving}
      blocked={amount === 0n ? <Trans>Enter an amount such as 25 or 0.5.</Trans> : reason.trim() === "" ? <Trans>Say why: the statement of the organization shows it.</Trans> : undefined}
      submit={() => saving.save({ name: summary.name, amountNanoCredits: amount, reason: reason.trim(), requestId }, close)}
    >
      <Stack gap="md">
        <Text size="sm"><Trans>Gives credit without payment. It does not use the credit line.</Trans></Text>
        <TextInput label={t`Amount in credits`} required inputMode="decimal" value={text} onChange={(event) => setText(event.currentTarget.value)} error={saving.violation("amount_nano_credits")} data-autofocus />
        <TextInput label={t`Reason`} required maxLength={200} value={reason} onChange={(event) => setReason(event.currentTarget.value)} error={saving.violation("reason")} />
        {amount > 0n && <Text size="sm" className="figures" role="status"><Trans>The balance changes from {formatCredits(summary.balanceNanoCredits, language, 2)} to {formatCredits(summary.balanceNanoCredits + amount, language, 2)} credits.</Trans></Text>}
      </Stack>
    </FormDialog>
  );
}

/** Makes a link with which somebody signs in once as a member. Operators see no members, so they type its id. */
export function IssueSignInLink({ summary, close }: DialogProps) {
  const { t } = useLingui();
  const [member, setMember] = useState("");
  const [minutes, setMinutes] = useState("");
  const saving = useSaving(Operators.method.issueSignInLink);
  const [made, setMade] = useState<string | undefined>(undefined);
  if (made !== undefined) {
    return (
      <Modal opened onClose={close} title={<Text fw={600}><Trans>The link is ready</Trans></Text>} centered>
        <Secret secret={made}><Trans>It is shown only once, and works once. Whoever has it can sign in as the member.</Trans></Secret>
      </Modal>
    );
  }
  const id = member.trim();
  return (
    <FormDialog
      opened close={close} title={<Trans>Create a sign-in link</Trans>} about={nameOf(summary)} verb={<Trans>Create the link</Trans>} saving={saving} blocked={id === "" ? <Trans>Enter the id of a member.</Trans> : undefined}
      submit={() =>
        saving.save({ name: `organizations/${organizationIdOf(summary.name)}/members/${id}`, ...(minutes === "" ? {} : { ttl: durationFromMs(Number(minutes) * 60_000) }) }, ({ link, secret }) => setMade(link || secret))
      }
    >
      <Stack gap="md">
        <Text size="sm"><Trans>For an active member of any role, such as the first Super Admin of an organization without an identity provider.</Trans></Text>
        <TextInput label={t`Id of the member`} description={t`The member or an admin of the organization knows it`} required value={member} onChange={(event) => setMember(event.currentTarget.value)} error={saving.violation("name")} data-autofocus />
        <NativeSelect
          label={t`How long it can be used`} value={minutes} onChange={(event) => setMinutes(event.currentTarget.value)}
          data={[{ value: "", label: t`As long as the deployment allows` }, { value: "10", label: t`10 minutes` }, { value: "60", label: t`An hour` }]}
        />
      </Stack>
    </FormDialog>
  );
}

/** Links an identity at an identity provider to a member's user. Operators see no members, so they type its id. */
export function LinkIdentity({ summary, close }: DialogProps) {
  const { t } = useLingui();
  const providers = useDeployment().identity_providers;
  const [wanted, setWanted] = useState({ member: "", issuer: providers[0]?.issuer ?? "", subject: "" });
  const change = (part: Partial<typeof wanted>): void => setWanted({ ...wanted, ...part });
  const requestId = useRequestId(JSON.stringify(wanted));
  const saving = useSaving(Operators.method.linkUserIdentity, t`The identity is linked.`);
  const [member, subject] = [wanted.member.trim(), wanted.subject.trim()];
  return (
    <FormDialog
      opened close={close} title={<Trans>Link an identity for good</Trans>} about={nameOf(summary)} verb={<Trans>Link</Trans>} saving={saving}
      blocked={providers.length === 0 ? <Trans>This deployment has no identity provider.</Trans> : member === "" || subject === "" ? <Trans>Enter the id of a member, and the subject.</Trans> : undefined}
      submit={() => saving.save({ name: `organizations/${organizationIdOf(summary.name)}/members/${member}`, issuer: wanted.issuer, subject, requestId }, close)}
    >
      <Stack gap="md">
        <Text size="sm"><Trans>Whoever signs in with this identity is the member from then on, in all their organizations. It cannot be undone.</Trans></Text>
        <TextInput label={t`Id of the member`} description={t`The member or an admin of the organization knows it`} required value={wanted.member} onChange={(event) => change({ member: event.currentTarget.value })} error={saving.violation("name")} data-autofocus />
        <NativeSelect label={t`Identity provider`} value={wanted.issuer} onChange={(event) => change({ issuer: event.currentTarget.value })} data={providers.map(({ name, issuer }) => ({ value: issuer, label: name }))} error={saving.violation("issuer")} />
        <TextInput label={t`Subject`} description={t`The claim sub. The person sees it when a sign-in fails because their identity is not linked.`} required maxLength={255} value={wanted.subject} onChange={(event) => change({ subject: event.currentTarget.value })} error={saving.violation("subject")} />
      </Stack>
    </FormDialog>
  );
}
