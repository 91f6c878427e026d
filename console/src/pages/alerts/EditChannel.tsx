import { useSuspenseQuery } from "@connectrpc/connect-query";
import { NotificationChannels } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Stack } from "@mantine/core";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { Part } from "../../components/Part";
import { ChannelForm } from "../../forms/alerts/ChannelForm";
import { useParent } from "../../hooks/account";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Secret } from "../../ui/Secret";

export function EditChannel() {
  const parent = useParent();
  const { t } = useLingui();
  const navigate = useNavigate();
  const { channel: id } = useParams({ from: "/organizations/$organization/notificationChannels/$channel/edit" });
  const { data: channel } = useSuspenseQuery(NotificationChannels.method.getNotificationChannel, { name: `${parent}/notificationChannels/${id}` });
  return (
    <>
      <PageHeader crumbs={[{ label: t`Channels`, to: pathsOf(parent).channels }, { label: channel.displayName, to: pathOf(channel.name) }]} title={<Trans>Change the channel</Trans>} />
      <ChannelForm channel={channel} onDone={({ name }) => void navigate({ to: pathOf(name) })} />
    </>
  );
}

export function NewChannel() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const paths = pathsOf(useParent());
  const [made, setMade] = useState<{ readonly name: string; readonly secret: string } | undefined>(undefined);
  return (
    <>
      <PageHeader crumbs={[{ label: t`Alerts`, to: paths.alerts }, { label: t`Channels`, to: paths.channels }]} title={made === undefined ? <Trans>Add a channel</Trans> : <Trans>The channel is there</Trans>} />
      {made === undefined ? (
        <Part height={320}>
          <ChannelForm onDone={(done) => (done.secret === "" ? void navigate({ to: pathOf(done.name) }) : setMade(done))} />
        </Part>
      ) : (
        <Stack gap="lg">
          <Secret secret={made.secret}><Trans>It verifies the messages that your receiver gets, as Standard Webhooks say. It is shown only once.</Trans></Secret>
          <AppLink to={pathOf(made.name)}><Trans>Open the channel to send a test</Trans></AppLink>
        </Stack>
      )}
    </>
  );
}
