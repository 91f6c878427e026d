import { type NotificationChannel, NotificationChannel_Kind, NotificationChannels } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, NativeSelect, PasswordInput, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import { ScopeChoice } from "../../components/ScopeChoice";
import { isAdmin, usePlace } from "../../hooks/account";
import { useRequestId } from "../../hooks/request_id";
import { useSaving } from "../../hooks/saving";
import { useChannelKind } from "../../pages/alerts/labels";
import { Surface } from "../../ui/Surface";

const kinds = [
  NotificationChannel_Kind.SLACK, NotificationChannel_Kind.TEAMS, NotificationChannel_Kind.DISCORD, NotificationChannel_Kind.FEISHU, NotificationChannel_Kind.DINGTALK,
  NotificationChannel_Kind.WECOM, NotificationChannel_Kind.PAGERDUTY, NotificationChannel_Kind.EMAIL, NotificationChannel_Kind.CALLBACK,
] as const;

interface Wanted {
  readonly displayName: string;
  readonly kind: NotificationChannel_Kind;
  readonly scope: string;
  readonly target: string;
  readonly secret: string;
}

interface ChannelFormProps {
  /** The channel to change; a new one otherwise. */
  readonly channel?: NotificationChannel;
  readonly onDone: (done: { readonly name: string; readonly secret: string }) => void;
}

/** What a channel is made of. The page forgets its target and secret after it was sent. */
export function ChannelForm({ channel, onDone }: ChannelFormProps) {
  const { account } = usePlace();
  const parent = account.organization;
  const { t } = useLingui();
  const kindName = useChannelKind();
  const [wanted, setWanted] = useState<Wanted>({ displayName: channel?.displayName ?? "", kind: channel?.kind ?? NotificationChannel_Kind.SLACK, scope: account.group || parent, target: "", secret: "" });
  const [checked, setChecked] = useState(false);
  const requestId = useRequestId(JSON.stringify(wanted));
  const creation = useSaving(NotificationChannels.method.createNotificationChannel);
  const update = useSaving(NotificationChannels.method.updateNotificationChannel, t`The channel is saved.`);
  const saving = channel === undefined ? creation : update;
  const change = (part: Partial<Wanted>): void => setWanted({ ...wanted, ...part });
  const asks = useQuestions(wanted.kind);
  const isNew = channel === undefined;
  const problems = {
    displayName: wanted.displayName.trim() === "" ? t`Give the channel a name.` : undefined,
    scope: wanted.scope === "" ? t`Choose a group.` : undefined,
    target: isNew && asks.target !== undefined && wanted.target.trim() === "" ? t`This is needed.` : undefined,
    secret: isNew && asks.isSecretNeeded && wanted.secret.trim() === "" ? t`This is needed.` : undefined,
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setChecked(true);
    if (Object.values(problems).some((problem) => problem !== undefined)) return;
    const [target, secret] = [wanted.target.trim(), wanted.secret.trim()];
    const changed = { displayName: wanted.displayName.trim(), ...(target === "" ? {} : { target }), ...(secret === "" ? {} : { secret }) };
    if (channel === undefined) {
      const notificationChannel = { ...changed, kind: wanted.kind, group: wanted.scope === parent ? "" : wanted.scope };
      creation.save({ parent, requestId, notificationChannel }, (made) => onDone({ name: made.notificationChannel?.name ?? "", secret: made.secret }));
    } else {
      const paths = ["display_name", ...(target === "" ? [] : ["target"]), ...(secret === "" ? [] : ["secret"])];
      update.save({ notificationChannel: { name: channel.name, etag: channel.etag, ...changed }, updateMask: { paths } }, ({ name }) => onDone({ name, secret: "" }));
    }
  };
  const keeps = isNew ? undefined : t`Empty: as it is`;
  return (
    <Surface>
      <form onSubmit={submit} noValidate autoComplete="off">
        <Stack gap="md" maw={560}>
          {saving.isError && <ErrorNotice error={saving.error} />}
          {isNew && (
            <NativeSelect label={t`Kind`} value={String(wanted.kind)} onChange={(event) => change({ kind: Number(event.currentTarget.value) as NotificationChannel_Kind, target: "", secret: "" })} data={kinds.map((kind) => ({ value: String(kind), label: kindName(kind) }))} />
          )}
          <TextInput
            label={t`Name`} required maxLength={200} value={wanted.displayName} onChange={(event) => change({ displayName: event.currentTarget.value })}
            error={(checked ? problems.displayName : undefined) ?? saving.violation("notification_channel.display_name")}
          />
          {isNew && isAdmin(account) && (
            <ScopeChoice label={t`Belongs to`} value={wanted.scope} onChange={(scope) => change({ scope })} kinds={["organization", "groups"]} error={(checked ? problems.scope : undefined) ?? saving.violation("notification_channel.group")} />
          )}
          {asks.target !== undefined && (
            <TextInput
              label={asks.target} description={keeps ?? asks.hint} required={isNew} value={wanted.target} type={wanted.kind === NotificationChannel_Kind.EMAIL ? "email" : "url"} autoComplete="off" spellCheck={false}
              onChange={(event) => change({ target: event.currentTarget.value })} error={(checked ? problems.target : undefined) ?? saving.violation("notification_channel.target")}
            />
          )}
          {asks.secret !== undefined && (
            <PasswordInput
              label={asks.secret} description={keeps} required={isNew && asks.isSecretNeeded} value={wanted.secret} autoComplete="off" onChange={(event) => change({ secret: event.currentTarget.value })}
              error={(checked ? problems.secret : undefined) ?? saving.violation("notification_channel.secret")}
            />
          )}
          <Group><Button type="submit" loading={saving.isPending}>{isNew ? <Trans>Add the channel</Trans> : <Trans>Save the channel</Trans>}</Button></Group>
        </Stack>
      </form>
    </Surface>
  );
}

interface Questions {
  readonly target?: string;
  readonly hint?: string;
  readonly secret?: string;
  readonly isSecretNeeded: boolean;
}

/** What each kind of channel needs. */
function useQuestions(kind: NotificationChannel_Kind): Questions {
  const { t } = useLingui();
  const hidden = t`It is a secret: it is stored encrypted and never shown again.`;
  switch (kind) {
    case NotificationChannel_Kind.PAGERDUTY:
      return { secret: t`Routing key of an Events API v2 integration`, isSecretNeeded: true };
    case NotificationChannel_Kind.EMAIL:
      return { target: t`E-mail address`, hint: t`The deployment needs a mail server.`, isSecretNeeded: false };
    case NotificationChannel_Kind.FEISHU:
    case NotificationChannel_Kind.DINGTALK:
      return { target: t`URL of the bot`, hint: hidden, secret: t`Signing secret of the bot`, isSecretNeeded: false };
    case NotificationChannel_Kind.CALLBACK:
      return { target: t`URL of your receiver`, hint: t`A public address with https. Messages are signed as Standard Webhooks say; the secret is shown once.`, isSecretNeeded: false };
    default:
      return { target: t`URL of the webhook`, hint: hidden, isSecretNeeded: false };
  }
}
