import { useSuspenseQuery } from "@connectrpc/connect-query";
import { NotificationDeliveries, type NotificationDelivery, NotificationDelivery_State } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Group, NativeSelect } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";

import { allOf, idOf, quoted } from "../../api/names";
import { Part } from "../../components/Part";
import { useParent } from "../../hooks/account";
import { pageSize, usePaging } from "../../hooks/paging";
import { pathOf } from "../../paths";
import { type Column, DataTable } from "../../table/DataTable";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { AlertsFrame } from "./AlertsFrame";
import { useEventName } from "./events";
import { useDeliveryState } from "./labels";

const from = "/organizations/$organization/notificationDeliveries";
const states = { pending: "STATE_PENDING", delivered: "STATE_DELIVERED", failed: "STATE_FAILED", canceled: "STATE_CANCELED" } as const;
export type DeliveryFilter = keyof typeof states;

/** What was sent to channels. Those given up are the dead letters. */
export function DeliveryList() {
  const { t } = useLingui();
  const { state } = useSearch({ from });
  const navigate = useNavigate({ from });
  const stateName = useDeliveryState();
  const denied = <EmptyState title={<Trans>You may not see the deliveries</Trans>} step={<Trans>Admins see those of their groups.</Trans>} />;
  return (
    <AlertsFrame
      hint={<Trans>Messages to channels, attempt by attempt. Failed ones can be sent again.</Trans>}
      actions={
        <Group gap="sm">
          <NativeSelect
            aria-label={t`State`} value={state ?? ""} onChange={(event) => void navigate({ to: ".", search: event.currentTarget.value === "" ? {} : { state: event.currentTarget.value as DeliveryFilter } })}
            data={[
              { value: "", label: t`Every state` }, { value: "failed", label: stateName(NotificationDelivery_State.FAILED).label }, { value: "pending", label: stateName(NotificationDelivery_State.PENDING).label },
              { value: "delivered", label: stateName(NotificationDelivery_State.DELIVERED).label }, { value: "canceled", label: stateName(NotificationDelivery_State.CANCELED).label },
            ]}
          />
        </Group>
      }
    >
      <Surface flush><Part height={320} denied={denied}><Deliveries filter={state === undefined ? "" : `state = ${states[state]}`} /></Part></Surface>
    </AlertsFrame>
  );
}

/** The deliveries that a filter selects, or those to one channel. */
export function Deliveries({ filter = "", channel }: { readonly filter?: string; readonly channel?: string }) {
  const parent = useParent();
  const { t } = useLingui();
  const stateName = useDeliveryState();
  const eventName = useEventName();
  const paging = usePaging(`${filter} ${channel ?? ""}`);
  const question = { parent, filter: allOf(filter, channel === undefined ? "" : `channel = ${quoted(channel)}`) };
  const { data } = useSuspenseQuery(NotificationDeliveries.method.listNotificationDeliveries, { ...question, pageSize, pageToken: paging.token });
  if (data.notificationDeliveries.length === 0 && paging.back === undefined) {
    return <EmptyState title={<Trans>Nothing was sent</Trans>} step={<Trans>A rule that names a channel sends there. Add channels and rules under the tabs above.</Trans>} command="megarouter alerts deliveries" />;
  }
  const columns: readonly Column<NotificationDelivery>[] = [
    { id: "time", header: <Trans>Time</Trans>, cell: (one) => <AppLink to={pathOf(one.name)}><Time value={one.createTime} /></AppLink> },
    { id: "event", header: <Trans>Event</Trans>, cell: (one) => <span className="cut">{eventName(one.eventType)}</span> },
    ...(channel === undefined
      ? [{ id: "channel", header: <Trans>Channel</Trans>, cell: (one: NotificationDelivery) => (one.channel === "" ? t`e-mail` : <AppLink to={pathOf(one.channel)} className="cut">{one.channelDisplayName || idOf(one.channel)}</AppLink>), shown: "wide" as const }]
      : []),
    { id: "attempts", header: <Trans>Attempts</Trans>, cell: (one) => one.attemptCount, align: "right", shown: "wide" },
    { id: "next", header: <Trans>Next attempt</Trans>, cell: (one) => (one.nextAttemptTime === undefined ? "—" : <Time value={one.nextAttemptTime} ago />), shown: "very-wide" },
    { id: "state", header: <Trans>State</Trans>, cell: (one) => <Badge variant="light" radius="sm" tt="none" color={stateName(one.state).color}>{stateName(one.state).label}</Badge> },
  ];
  return (
    <>
      <DataTable caption={t`Deliveries`} columns={columns} rows={data.notificationDeliveries} keyOf={(one) => one.name} />
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="deliveries" method={NotificationDeliveries.method.listNotificationDeliveries} request={question} /></Pager>
    </>
  );
}
