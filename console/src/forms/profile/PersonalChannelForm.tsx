import { useSuspenseQuery } from "@connectrpc/connect-query";
import { NotificationChannel_Kind as Kind, type PersonalChannel, PersonalChannels } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Group, NativeSelect, PasswordInput, Stack } from "@mantine/core";
import { useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import { useParent } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Time } from "../../ui/Time";

const names: Partial<Record<Kind, string>> = { [Kind.SLACK]: "Slack", [Kind.TEAMS]: "Microsoft Teams", [Kind.DISCORD]: "Discord", [Kind.FEISHU]: "Feishu", [Kind.DINGTALK]: "DingTalk", [Kind.WECOM]: "WeCom", [Kind.PAGERDUTY]: "PagerDuty", [Kind.CALLBACK]: "Webhook" };
const withSecret = [Kind.FEISHU, Kind.DINGTALK, Kind.PAGERDUTY];

/** Where the person gets the alerts of the inbox, too. */
export function PersonalChannelForm() {
  const { data: channel } = useSuspenseQuery(PersonalChannels.method.getPersonalChannel, { name: `${useParent()}/personalChannel` });
  const { t } = useLingui();
  const [kind, setKind] = useState(channel.kind || Kind.SLACK);
  const [target, setTarget] = useState("");
  const [secret, setSecret] = useState("");
  const [made, setMade] = useState("");
  const saving = useSaving(PersonalChannels.method.setPersonalChannel, t`The channel was set.`);
  const submit = (): void =>
    saving.save({ name: channel.name, kind, target: target.trim(), secret: secret.trim() }, (answer) => {
      setTarget("");
      setSecret("");
      setMade(answer.secret);
    });
  const needsTarget = kind !== Kind.PAGERDUTY;
  return (
    <Stack gap="md" maw={560}>
      {channel.kind !== Kind.UNSPECIFIED && <Present channel={channel} />}
      {made !== "" && <Alert color="accent" variant="light" title={<Trans>Copy the secret now</Trans>}><Trans>It verifies messages, and is shown only once.</Trans><Copyable text={made} label={t`the secret`} /></Alert>}
      <NativeSelect label={t`Product`} value={String(kind)} onChange={(event) => setKind(Number(event.currentTarget.value))} data={Object.entries(names).map(([value, label]) => ({ value, label }))} error={saving.violation("kind")} />
      {needsTarget && <PasswordInput label={t`Its URL`} description={t`It is not shown again.`} autoComplete="off" value={target} onChange={(event) => setTarget(event.currentTarget.value)} error={saving.violation("target")} />}
      {withSecret.includes(kind) && <PasswordInput label={kind === Kind.PAGERDUTY ? t`Routing key` : t`Signing secret`} autoComplete="off" value={secret} onChange={(event) => setSecret(event.currentTarget.value)} error={saving.violation("secret")} />}
      {saving.isError && <ErrorNotice error={saving.error} />}
      <Group><Button loading={saving.isPending} disabled={needsTarget ? target.trim() === "" : secret.trim() === ""} onClick={submit}>{channel.kind === Kind.UNSPECIFIED ? <Trans>Set the channel</Trans> : <Trans>Replace the channel</Trans>}</Button></Group>
    </Stack>
  );
}

function Present({ channel }: { readonly channel: PersonalChannel }) {
  const { t } = useLingui();
  const test = useSaving(PersonalChannels.method.testPersonalChannel, t`A test message is on its way.`);
  const clear = useSaving(PersonalChannels.method.clearPersonalChannel, t`The channel was removed.`);
  return (
    <Stack gap="sm">
      <Properties
        entries={[
          [<Trans>Channel</Trans>, `${names[channel.kind] ?? ""} ${channel.targetHost}`],
          [<Trans>Set</Trans>, <Time value={channel.updateTime} />],
          [<Trans>Latest message</Trans>, channel.latestState || undefined],
          [<Trans>Latest error</Trans>, channel.latestError || undefined],
          [<Trans>Switched off</Trans>, channel.disabled ? channel.disableReason || t`yes` : undefined],
        ]}
      />
      {test.isError && <ErrorNotice error={test.error} />}
      {clear.isError && <ErrorNotice error={clear.error} />}
      <Group gap="sm">
        <Button size="xs" variant="default" loading={test.isPending} onClick={() => test.save({ name: channel.name })}><Trans>Send a test</Trans></Button>
        <Button size="xs" variant="default" loading={clear.isPending} onClick={() => clear.save({ name: channel.name })}><Trans>Remove the channel</Trans></Button>
      </Group>
    </Stack>
  );
}
