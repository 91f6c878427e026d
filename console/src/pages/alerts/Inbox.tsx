import { useMutation, useSuspenseQuery } from "@connectrpc/connect-query";
import { type Notification, Notifications } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useId } from "react";

import { queryClient } from "../../api/queries";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Part } from "../../components/Part";
import { AlertSentence } from "../../components/alerts/AlertSentence";
import { Severity } from "../../components/Severity";
import { useParent } from "../../hooks/account";
import { pageSize, usePaging } from "../../hooks/paging";
import { pathsOf } from "../../paths";
import { ListCsv } from "../../table/ListCsv";
import { Pager } from "../../table/Pager";
import { AppLink } from "../../ui/AppLink";
import { EmptyState } from "../../ui/EmptyState";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { AlertsFrame } from "./AlertsFrame";
import { useEventName } from "./events";
import { useFurther } from "./further";

const from = "/organizations/$organization/notifications";

/** The alerts of the person. */
export function Inbox() {
  const { t } = useLingui();
  const { show = "open" } = useSearch({ from });
  const navigate = useNavigate({ from });
  return (
    <AlertsFrame
      hint={<Trans>What the rules of your organization report to you</Trans>}
      actions={
        <SegmentedControl
          aria-label={t`Which alerts`} size="xs" value={show} onChange={(chosen) => void navigate({ to: ".", search: { show: chosen as "open" | "all" } })}
          data={[{ value: "open", label: t`Open` }, { value: "all", label: t`All` }]}
        />
      }
    >
      <Surface flush><Part height={320}><Found show={show} /></Part></Surface>
    </AlertsFrame>
  );
}

function Found({ show }: { readonly show: "open" | "all" }) {
  const parent = useParent();
  const paging = usePaging(show);
  const question = { parent, filter: show === "open" ? "acknowledged = false" : "" };
  const { data } = useSuspenseQuery(Notifications.method.listNotifications, { ...question, pageSize, pageToken: paging.token });
  if (data.notifications.length === 0 && paging.back === undefined) {
    return <EmptyState title={show === "open" ? <Trans>No open alerts</Trans> : <Trans>No alerts yet</Trans>} step={<Trans>Rules tell you when a budget is nearly spent.</Trans>} action={<AppLink to={pathsOf(parent).rules}><Trans>See the rules</Trans></AppLink>} command="megarouter alerts rules" />;
  }
  return (
    <>
      <Stack component="ul" gap={0} m={0} p={0} style={{ listStyle: "none" }}>
        {data.notifications.map((one, index) => <Item key={one.name} notification={one} isFirst={index === 0} />)}
      </Stack>
      <Pager paging={paging} nextToken={data.nextPageToken}><ListCsv file="alerts" method={Notifications.method.listNotifications} request={question} /></Pager>
    </>
  );
}

function Item({ notification, isFirst }: { readonly notification: Notification; readonly isFirst: boolean }) {
  const read = useMutation(Notifications.method.acknowledgeNotification);
  const eventName = useEventName();
  const id = useId();
  const further = useFurther()(notification.eventType);
  return (
    <Group component="li" p={20} gap="md" align="flex-start" style={{ borderTop: isFirst ? undefined : "1px solid var(--line)" }}>
      <Severity severity={notification.severity} />
      <div style={{ flex: "1 1 240px", minWidth: 0 }}>
        <Text size="sm" fw={500}>{eventName(notification.eventType)}</Text>
        <Text size="sm" id={`${id}-what`} style={{ overflowWrap: "anywhere" }}><AlertSentence of={notification} /></Text>
        {further && <Text size="sm">{further}</Text>}
        <Text size="xs" c="dimmed"><Time value={notification.occurTime} ago /></Text>
        {read.isError && <ErrorNotice error={read.error} />}
      </div>
      {notification.acknowledgeTime === undefined ? (
        <Button
          size="xs" variant="default" id={`${id}-read`} loading={read.isPending} aria-labelledby={`${id}-read ${id}-what`}
          onClick={() => read.mutate({ name: notification.name }, { onSuccess: () => void queryClient.invalidateQueries() })}
        >
          <Trans>Mark as read</Trans>
        </Button>
      ) : (
        <Text size="xs" c="dimmed"><Trans>Read</Trans> <Time value={notification.acknowledgeTime} ago /></Text>
      )}
    </Group>
  );
}
