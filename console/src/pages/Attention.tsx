import { useQuery, useSuspenseQuery } from "@connectrpc/connect-query";
import { Anomalies, Notifications } from "@megarouter/admin";
import { Trans } from "@lingui/react/macro";
import { Badge, Group, Stack, Text } from "@mantine/core";

import { idOf } from "../api/names";
import { Part } from "../components/Part";
import { AlertSentence } from "../components/alerts/AlertSentence";
import { Severity } from "../components/Severity";
import { usePlace } from "../hooks/account";
import { useLanguage } from "../hooks/language";
import { pathOf, pathsOf } from "../paths";
import { AppLink } from "../ui/AppLink";
import { EmptyState } from "../ui/EmptyState";
import { Time } from "../ui/Time";
import { formatCredits } from "../util/credits";
import { useEventName } from "./alerts/events";
import { useFurther } from "./alerts/further";
import { AnomalyMoment } from "./analytics/anomalies";

/** What a person on Home should look at: unusual spend, and alerts. */
export function Attention() {
  return (
    <Stack gap="lg">
      <Part height={60}><OpenAnomalies /></Part>
      <Part><OpenAlerts /></Part>
    </Stack>
  );
}

const openAnomalies = (parent: string) => ({ parent, pageSize: 3, filter: "state = STATE_OPEN", orderBy: "start_time desc" });

function OpenAlerts() {
  const eventName = useEventName();
  const further = useFurther();
  const parent = usePlace().account.organization;
  const { data } = useSuspenseQuery(Notifications.method.listNotifications, { parent, pageSize: 5, filter: "acknowledged = false" });
  const anomalies = useQuery(Anomalies.method.listAnomalies, openAnomalies(parent)).data?.anomalies ?? [];
  if (data.notifications.length === 0 && anomalies.length > 0) return <Text size="sm" c="dimmed"><Trans>No open alerts</Trans></Text>;
  if (data.notifications.length === 0) return <EmptyState title={<Trans>No open alerts</Trans>} step={<Trans>Rules tell you when a budget is nearly spent.</Trans>} action={<AppLink to={pathsOf(parent).rules}><Trans>See the rules</Trans></AppLink>} command="megarouter alerts rules" />;
  return (
    <Stack gap="sm">
      {data.notifications.map((one) => (
        <Group key={one.name} gap="xs" align="flex-start">
          <Severity severity={one.severity} />
          <Text size="sm" component="div" style={{ flex: "1 1 220px", overflowWrap: "anywhere" }}><Text size="sm" fw={500}>{eventName(one.eventType)}</Text><AlertSentence of={one} />{further(one.eventType) && <> {further(one.eventType)}</>}</Text>
          <Text size="sm" c="dimmed"><Time value={one.occurTime} ago /></Text>
        </Group>
      ))}
    </Stack>
  );
}

/** Unusual spend that no one has explained yet, also if no rule makes an alert of it. */
function OpenAnomalies() {
  const parent = usePlace().account.organization;
  const language = useLanguage();
  const { data } = useSuspenseQuery(Anomalies.method.listAnomalies, openAnomalies(parent));
  if (data.anomalies.length === 0) return null;
  return (
    <Stack gap="sm">
      {data.anomalies.map((one) => (
        <Group key={one.name} gap="xs" align="flex-start">
          <Badge variant="light" color="orange" radius="sm" tt="none" style={{ flex: "none" }}><Trans>Unusual spend</Trans></Badge>
          <Text size="sm" component="div" style={{ flex: "1 1 220px", overflowWrap: "anywhere" }}>
            <AppLink to={pathOf(one.name)} underline="always">{one.scopeDisplayName || idOf(one.scope)}</AppLink>{" "}
            <Trans>{formatCredits(one.actualNanoCredits, language, 2)} instead of {formatCredits(one.expectedNanoCredits, language, 2)}</Trans>
          </Text>
          <Text size="sm" c="dimmed" component="div" style={{ whiteSpace: "nowrap" }}><AnomalyMoment anomaly={one} /></Text>
        </Group>
      ))}
      {data.nextPageToken !== "" && <Text size="sm"><AppLink to={pathsOf(parent).anomalies}><Trans>All unusual spend</Trans></AppLink></Text>}
    </Stack>
  );
}
