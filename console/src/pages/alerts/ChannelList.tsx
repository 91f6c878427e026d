import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type NotificationChannel, NotificationChannels } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { pageSize, usePaging } from "../../hooks/paging";
import { pathOf, pathsOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { AlertsFrame } from "./AlertsFrame";
import { useChannelKind } from "./labels";

/** Where alerts are sent. */
export function ChannelList() {
  const parent = useParent();
  const denied = <EmptyState title={<Trans>You may not see the channels</Trans>} step={<Trans>Admins see those of their groups.</Trans>} />;
  return (
    <AlertsFrame hint={<Trans>Where alerts are sent: a chat, a callback, PagerDuty, an address</Trans>} actions={<Button component={Link} to={pathsOf(parent).newChannel}><Trans>Add a channel</Trans></Button>}>
      <Surface flush><Part height={320} denied={denied}><Found /></Part></Surface>
    </AlertsFrame>
  );
}

function Found() {
  const parent = useParent();
  const { t } = useLingui();
  const kindName = useChannelKind();
  const paging = usePaging(parent);
  const question = { parent };
  const { data } = useSuspenseQuery(NotificationChannels.method.listNotificationChannels, { ...question, pageSize, pageToken: paging.token });
  if (data.notificationChannels.length === 0 && paging.back === undefined) {
    return (
      <EmptyState
        title={<Trans>No channels yet</Trans>} step={<Trans>A channel sends alerts to a chat or to your own program.</Trans>} command="megarouter alerts add-channel Operations --kind slack < url.txt"
        action={<Button component={Link} to={pathsOf(parent).newChannel} size="xs"><Trans>Add a channel</Trans></Button>}
      />
    );
  }
  const columns: readonly Column<NotificationChannel>[] = [
    { id: "name", header: <Trans>Name</Trans>, cell: (channel) => <AppLink to={pathOf(channel.name)} fw={500} className="cut">{channel.displayName}</AppLink> },
    { id: "kind", header: <Trans>Kind</Trans>, cell: (channel) => kindName(channel.kind), shown: "wide" },
    { id: "target", header: <Trans>To</Trans>, cell: (channel) => <span className="cut">{channel.targetHost}</span>, shown: "wide" },
    { id: "group", header: <Trans>Group</Trans>, cell: (channel) => (channel.group === "" ? "—" : <AppLink to={pathOf(channel.group)}>{idOf(channel.group)}</AppLink>), shown: "very-wide" },
    { id: "changed", header: <Trans>Changed</Trans>, cell: (channel) => <Time value={channel.updateTime} ago />, shown: "very-wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (channel) => <ChannelState channel={channel} /> },
  ];
  return (
    <>
      <DataTable caption={t`Channels`} columns={columns} rows={data.notificationChannels} keyOf={(channel) => channel.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="channels" method={NotificationChannels.method.listNotificationChannels} request={question} /></Pager>
    </>
  );
}

export function ChannelState({ channel }: { readonly channel: NotificationChannel }) {
  const { t } = useLingui();
  const { label, color } = channel.disabled
    ? { label: t`Off`, color: "gray" }
    : channel.failingSinceTime === undefined ? { label: t`On`, color: "teal" } : { label: t`Fails`, color: "red" };
  return <Badge variant="light" radius="sm" tt="none" color={color}>{label}</Badge>;
}
