import type { MessageInitShape } from "@bufbuild/protobuf";
import { useMutation } from "@connectrpc/connect-query";
import { type NotificationRuleSchema, NotificationRules, type SimulateNotificationRuleResponse, type SimulatedAlert } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Stack, Text } from "@mantine/core";

import { idOf } from "../../api/names";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Severity } from "../../components/Severity";
import { usePlace } from "../../hooks/account";
import { useLanguage } from "../../hooks/language";
import { useNow } from "../../hooks/now";
import { useEventName } from "../../pages/alerts/events";
import { type Column, DataTable } from "../../table/DataTable";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { formatCredits } from "../../util/credits";
import { formatCount, formatPercent } from "../../util/numbers";
import { startOf } from "../../util/times";

const mostShown = 20;

/** Shows which alerts a rule would have caused in the last 30 days. Nothing is sent. */
export function DryRun({ rule }: { readonly rule: MessageInitShape<typeof NotificationRuleSchema> | undefined }) {
  const { account, organization } = usePlace();
  const now = useNow();
  const trying = useMutation(NotificationRules.method.simulateNotificationRule);
  const run = (): void => {
    if (rule !== undefined) trying.mutate({ parent: account.organization, notificationRule: rule, timeRange: { startTime: startOf("30d", now, organization.timeZone) } });
  };
  return (
    <Surface
      title={<Trans>Try it</Trans>} hint={<Trans>Replays the spend of the last 30 days against the budgets of today. Nothing is sent.</Trans>}
      actions={<Button variant="default" size="xs" disabled={rule === undefined} loading={trying.isPending} onClick={run}><Trans>Try it on the last 30 days</Trans></Button>}
    >
      {rule === undefined && <Text size="sm" c="dimmed"><Trans>Fill in the rule first.</Trans></Text>}
      {trying.isError && <ErrorNotice error={trying.error} retry={run} />}
      {trying.data !== undefined && !trying.isPending && <Found answer={trying.data} />}
    </Surface>
  );
}

function Found({ answer }: { readonly answer: SimulateNotificationRuleResponse }) {
  const { t } = useLingui();
  const language = useLanguage();
  const eventName = useEventName();
  const count = formatCount(answer.alertCount, language);
  const shown = answer.alerts.slice(-mostShown).toReversed();
  const columns: readonly Column<SimulatedAlert>[] = [
    { id: "time", header: <Trans>Time</Trans>, cell: (alert) => <Time value={alert.occurTime} /> },
    { id: "severity", header: <Trans>Severity</Trans>, cell: (alert) => <Severity severity={alert.severity} />, shown: "wide" },
    { id: "scope", header: <Trans>About</Trans>, cell: (alert) => <span className="cut">{alert.scopeDisplayName || idOf(alert.scope)}</span> },
    { id: "event", header: <Trans>Event</Trans>, cell: (alert) => eventName(alert.eventType), shown: "very-wide" },
    { id: "at", header: <Trans>At</Trans>, cell: (alert) => (alert.thresholdPercent > 0 ? formatPercent(alert.thresholdPercent, language) : formatCredits(alert.thresholdNanoCredits, language, 2)), align: "right" },
  ];
  return (
    <Stack gap="sm" role="status">
      <Text fw={600} className="figures">{answer.alertCount === 0 ? <Trans>The rule would have sent no alert.</Trans> : <Trans>The rule would have sent {count} alerts.</Trans>}</Text>
      {answer.approximate && <Text size="sm" c="dimmed"><Trans>Some of them are known only to the hour.</Trans></Text>}
      {answer.unsupportedEventTypes.length > 0 && <Text size="sm" c="dimmed"><Trans>Not replayed, because they do not follow from spend: {answer.unsupportedEventTypes.map(eventName).join(", ")}</Trans></Text>}
      {shown.length > 0 && <DataTable caption={t`The newest alerts`} columns={columns} rows={shown} keyOf={(alert) => `${alert.occurTime?.seconds ?? 0n} ${alert.occurTime?.nanos ?? 0} ${alert.scope} ${alert.eventType} ${alert.thresholdPercent} ${alert.thresholdNanoCredits} ${alert.models}`} />}
    </Stack>
  );
}
