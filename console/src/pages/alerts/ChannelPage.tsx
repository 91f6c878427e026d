import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type NotificationChannel, NotificationChannel_Kind, NotificationChannels } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Alert, Button, Group, Stack } from "@mantine/core";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Secret } from "../../ui/Secret";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { ChannelState } from "./ChannelList";
import { Deliveries } from "./DeliveryList";
import { Attempts, useDelivery } from "./DeliveryPage";
import { useChannelKind } from "./labels";

export function ChannelPage() {
  const parent = useParent();
  const { t } = useLingui();
  const { channel: id } = useParams({ from: "/organizations/$organization/notificationChannels/$channel" });
  const { data: channel } = useSuspenseQuery(NotificationChannels.method.getNotificationChannel, { name: `${parent}/notificationChannels/${id}` });
  const [secret, setSecret] = useState<string | undefined>(undefined);
  const [test, setTest] = useState<string | undefined>(undefined);
  const paths = pathsOf(parent);
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Alerts`, to: paths.alerts }, { label: t`Channels`, to: paths.channels }]} title={channel.displayName} hint={<ChannelState channel={channel} />}
        actions={<Actions channel={channel} onSecret={setSecret} onTest={setTest} />}
      />
      <Stack gap="lg">
        {secret !== undefined && <Secret secret={secret}><Trans>It verifies the messages. The old secret signs beside it for a day.</Trans></Secret>}
        {channel.disableReason !== "" && <Alert color="orange" variant="light" title={<Trans>It was switched off</Trans>}>{channel.disableReason}</Alert>}
        {test !== undefined && <Part height={160}><TestResult delivery={test} /></Part>}
        <Surface title={<Trans>The channel</Trans>}><Facts channel={channel} /></Surface>
        <Surface flush title={<Trans>Deliveries</Trans>} hint={<Trans>The newest first</Trans>}><Part height={240}><Deliveries channel={channel.name} /></Part></Surface>
      </Stack>
    </>
  );
}

/** What became of a test: the answer of the receiver. */
function TestResult({ delivery }: { readonly delivery: string }) {
  return <div role="status"><Attempts delivery={useDelivery(delivery)} /></div>;
}

function Facts({ channel }: { readonly channel: NotificationChannel }) {
  const { t } = useLingui();
  const kindName = useChannelKind();
  return (
    <Properties
      entries={[
        [<Trans>Id</Trans>, <Copyable text={idOf(channel.name)} label={t`id`} />],
        [<Trans>Kind</Trans>, kindName(channel.kind)],
        [<Trans>To</Trans>, channel.targetHost || undefined],
        [<Trans>Group</Trans>, channel.group === "" ? t`the whole organization` : <AppLink to={pathOf(channel.group)}>{idOf(channel.group)}</AppLink>],
        [<Trans>Fails since</Trans>, channel.failingSinceTime === undefined ? undefined : <Time value={channel.failingSinceTime} />],
        [<Trans>Created</Trans>, <Time value={channel.createTime} />],
        [<Trans>Changed</Trans>, <Time value={channel.updateTime} />],
      ]}
    />
  );
}

interface ActionsProps {
  readonly channel: NotificationChannel;
  readonly onSecret: (secret: string) => void;
  readonly onTest: (delivery: string) => void;
}

function Actions({ channel, onSecret, onTest }: ActionsProps) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const paths = pathsOf(useParent());
  const [act, setAct] = useState<"rotate" | "delete" | undefined>(undefined);
  const test = useSaving(NotificationChannels.method.sendTestNotification);
  const update = useSaving(NotificationChannels.method.updateNotificationChannel);
  const rotate = useSaving(NotificationChannels.method.rotateNotificationChannelSecret);
  const removal = useSaving(NotificationChannels.method.deleteNotificationChannel, t`The channel is deleted.`);
  const { name, etag, disabled, kind } = channel;
  const close = (): void => setAct(undefined);
  const failed = test.error ?? update.error;
  return (
    <Group gap="sm">
      {failed !== null && <ErrorNotice error={failed} />}
      <Button variant="default" onClick={() => update.save({ notificationChannel: { name, etag, disabled: !disabled }, updateMask: { paths: ["disabled"] } })} loading={update.isPending}>
        {disabled ? <Trans>Switch on</Trans> : <Trans>Switch off</Trans>}
      </Button>
      {kind === NotificationChannel_Kind.CALLBACK && <Button variant="default" onClick={() => setAct("rotate")}><Trans>New secret</Trans></Button>}
      <Button variant="default" component={Link} to={`${pathOf(name)}/edit`}><Trans>Change</Trans></Button>
      <Button variant="light" color="red" onClick={() => setAct("delete")}><Trans>Delete</Trans></Button>
      <Button disabled={disabled} title={disabled ? t`Switch it on first` : undefined} loading={test.isPending} onClick={() => test.save({ name }, ({ delivery }) => onTest(delivery))}>
        <Trans>Send a test</Trans>
      </Button>
      <Confirmation
        opened={act === "rotate"} close={close} title={<Trans>Give this channel a new secret?</Trans>} about={channel.displayName || idOf(name)} verb={<Trans>Create a new secret</Trans>} mutation={rotate}
        confirm={() => rotate.save({ name }, ({ secret }) => { onSecret(secret); close(); })}
      >
        <Trans>The new secret is shown once. For a day, messages are signed with both.</Trans>
      </Confirmation>
      <Confirmation opened={act === "delete"} close={close} title={<Trans>Delete this channel?</Trans>} about={channel.displayName || idOf(name)} verb={<Trans>Delete</Trans>} mutation={removal} danger confirm={() => removal.save({ name }, () => void navigate({ to: paths.channels }))}>
        <Trans>Waiting messages are not sent, and rules that name it no longer send there.</Trans>
      </Confirmation>
    </Group>
  );
}
