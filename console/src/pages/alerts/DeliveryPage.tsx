import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type NotificationAttempt, NotificationDeliveries, type NotificationDelivery, NotificationDelivery_State } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Code, Group, Stack, Text } from "@mantine/core";
import { useParams } from "@tanstack/react-router";

import { idOf } from "../../api/names";
import { ErrorNotice } from "../../components/ErrorNotice";
import { useParent } from "../../hooks/account";
import { useRequestId } from "../../hooks/request_id";
import { useLanguage } from "../../hooks/language";
import { useSaving } from "../../hooks/saving";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { EmptyState } from "../../ui/EmptyState";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatMilliseconds } from "../../util/numbers";
import { useEventName } from "./events";
import { useDeliveryState } from "./labels";

const waitMs = 2_000;

/** One event that was sent to a channel, attempt by attempt. */
export function DeliveryPage() {
  const parent = useParent();
  const { t } = useLingui();
  const eventName = useEventName();
  const stateName = useDeliveryState();
  const { delivery: id } = useParams({ from: "/organizations/$organization/notificationDeliveries/$delivery" });
  const one = useDelivery(`${parent}/notificationDeliveries/${id}`);
  const paths = pathsOf(parent);
  return (
    <>
      <PageHeader
        crumbs={[{ label: t`Alerts`, to: paths.alerts }, { label: t`Deliveries`, to: paths.deliveries }]} title={eventName(one.eventType)}
        hint={<Badge variant="light" radius="sm" tt="none" color={stateName(one.state).color}>{stateName(one.state).label}</Badge>} actions={<Replay delivery={one} />}
      />
      <Stack gap="lg">
        <Surface title={<Trans>The delivery</Trans>}>
          <Properties
            entries={[
              [<Trans>Id</Trans>, <Copyable text={id} label={t`id`} />],
              [<Trans>Channel</Trans>, one.channel === "" ? undefined : <AppLink to={pathOf(one.channel)}>{one.channelDisplayName || idOf(one.channel)}</AppLink>],
              [<Trans>Member</Trans>, one.member === "" ? undefined : <AppLink to={pathOf(one.member)}>{idOf(one.member)}</AppLink>],
              [<Trans>Event</Trans>, <Copyable text={one.eventId} label={t`event id`} />],
              [<Trans>Created</Trans>, <Time value={one.createTime} />],
              [<Trans>Next attempt</Trans>, one.nextAttemptTime === undefined ? undefined : <Time value={one.nextAttemptTime} />],
              [<Trans>Over</Trans>, one.endTime === undefined ? undefined : <Time value={one.endTime} />],
            ]}
          />
        </Surface>
        <Attempts delivery={one} />
      </Stack>
    </>
  );
}

/** A delivery, looked at again while it waits for its first attempts. */
export function useDelivery(name: string): NotificationDelivery {
  const { data } = useSuspenseQuery(
    NotificationDeliveries.method.getNotificationDelivery, { name }, { refetchInterval: ({ state }) => (state.data?.state === NotificationDelivery_State.PENDING ? waitMs : false) },
  );
  return data;
}

export function Attempts({ delivery }: { readonly delivery: NotificationDelivery }) {
  return (
    <Surface title={<Trans>Attempts</Trans>} hint={<Trans>What was sent, without secrets, and what the receiver answered</Trans>}>
      {delivery.attempts.length === 0 ? <EmptyState title={<Trans>No attempt yet</Trans>} step={<Trans>It will be sent in a moment. The answer appears on this page.</Trans>} /> : <Stack gap="lg">{delivery.attempts.toReversed().map((attempt) => <Attempt key={attempt.number} attempt={attempt} />)}</Stack>}
    </Surface>
  );
}

function Attempt({ attempt }: { readonly attempt: NotificationAttempt }) {
  const { t } = useLingui();
  const language = useLanguage();
  const isDelivered = attempt.outcome === "DELIVERED";
  return (
    <Stack gap="xs">
      <Group gap="sm">
        <Text size="sm" fw={600}><Trans>Attempt {attempt.number}</Trans></Text>
        <Badge variant="light" radius="sm" tt="none" color={isDelivered ? "teal" : "red"}>{isDelivered ? t`Delivered` : attempt.outcome.toLowerCase()}</Badge>
        {attempt.httpStatus > 0 && <Text size="sm" className="figures"><Trans>Status {attempt.httpStatus}</Trans></Text>}
        <Text size="sm" c="dimmed"><Time value={attempt.startTime} /> · {formatMilliseconds(BigInt(attempt.durationMs), language)}{attempt.address === "" ? "" : ` · ${attempt.address}`}</Text>
      </Group>
      {attempt.error !== "" && <Text size="sm" c="red">{attempt.error}</Text>}
      <Document label={t`Sent`} text={attempt.request} />
      <Document label={t`Answer`} text={attempt.answer} />
    </Stack>
  );
}

function Document({ label, text }: { readonly label: string; readonly text: string }) {
  if (text === "") return null;
  return (
    <div>
      <Text size="xs" c="dimmed" mb={4}>{label}</Text>
      <div className="table-scroll" tabIndex={0} role="region" aria-label={label} style={{ maxHeight: 260, overflowY: "auto" }}><Code block>{text}</Code></div>
    </div>
  );
}

function Replay({ delivery }: { readonly delivery: NotificationDelivery }) {
  const requestId = useRequestId(`${delivery.name} ${delivery.attemptCount}`);
  const { t } = useLingui();
  const replay = useSaving(NotificationDeliveries.method.replayNotificationDelivery, t`It is sent again.`);
  const isPending = delivery.state === NotificationDelivery_State.PENDING;
  return (
    <Group gap="sm">
      {replay.isError && <ErrorNotice error={replay.error} />}
      <Button
        variant="default" loading={replay.isPending} disabled={isPending} title={isPending ? t`Waiting for the next attempt` : undefined}
        onClick={() => replay.save({ name: delivery.name, requestId })}
      >
        <Trans>Send it again</Trans>
      </Button>
    </Group>
  );
}
