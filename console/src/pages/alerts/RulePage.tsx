import { useSuspenseQuery } from "@connectrpc/connect-query";
import { type NotificationRule, NotificationRules, Notification_Severity } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Badge, Button, Group, List, SimpleGrid, Stack } from "@mantine/core";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { idOf } from "../../api/names";
import { Confirmation } from "../../components/Confirmation";
import { ErrorNotice } from "../../components/ErrorNotice";
import { Part } from "../../components/Part";
import { DryRun } from "../../forms/alerts/DryRun";
import { ruleOf, wantedOf } from "../../forms/alerts/wanted_rule";
import { useParent } from "../../hooks/account";
import { useSaving } from "../../hooks/saving";
import { useSeverity } from "../../hooks/labels";
import { PageHeader } from "../../layouts/PageHeader";
import { pathOf, pathsOf } from "../../paths";
import { AppLink } from "../../ui/AppLink";
import { Copyable } from "../../ui/Copyable";
import { Properties } from "../../ui/Properties";
import { Surface } from "../../ui/Surface";
import { Time } from "../../ui/Time";
import { ofBudgets, useEventName } from "./events";
import { useFrequency } from "./labels";
import { RuleState } from "./RuleList";
import { useQuietHours, useRecipient, useThresholds } from "./rule_texts";

export function RulePage() {
  const parent = useParent();
  const { t } = useLingui();
  const { rule: id } = useParams({ from: "/organizations/$organization/notificationRules/$rule" });
  const { data: rule } = useSuspenseQuery(NotificationRules.method.getNotificationRule, { name: `${parent}/notificationRules/${id}` });
  const paths = pathsOf(parent);
  return (
    <>
      <PageHeader crumbs={[{ label: t`Alerts`, to: paths.alerts }, { label: t`Rules`, to: paths.rules }]} title={rule.displayName} hint={<RuleState rule={rule} />} actions={<Actions rule={rule} />} />
      <Stack gap="lg">
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Surface title={<Trans>What it tells of</Trans>}><What rule={rule} /></Surface>
          <Surface title={<Trans>Who gets it, and how</Trans>}><How rule={rule} /></Surface>
        </SimpleGrid>
        {rule.inheritedFrom === "" && <Part><DryRun rule={ruleOf(wantedOf(rule))} /></Part>}
      </Stack>
    </>
  );
}

function What({ rule }: { readonly rule: NotificationRule }) {
  const { t } = useLingui();
  const eventName = useEventName();
  const thresholds = useThresholds();
  const scope = rule.scopeDisplayName || idOf(rule.scope);
  return (
    <Properties
      entries={[
        [<Trans>Id</Trans>, <Copyable text={idOf(rule.name)} label={t`id`} />],
        [<Trans>About</Trans>, rule.onlyScope ? t`only ${scope}` : t`${scope} and everything inside it`],
        [<Trans>Events</Trans>, <List size="sm" listStyleType="none">{(rule.eventTypes.length === 0 ? ofBudgets : rule.eventTypes).map((type) => <List.Item key={type}>{eventName(type)}</List.Item>)}</List>],
        [<Trans>At</Trans>, thresholds(rule) || undefined],
        [<Trans>Inherited from</Trans>, rule.inheritedFrom === "" ? undefined : idOf(rule.inheritedFrom)],
        [<Trans>Takes the place of</Trans>, rule.overrides === "" ? undefined : <AppLink to={pathOf(rule.overrides)}>{idOf(rule.overrides)}</AppLink>],
        [<Trans>Changed</Trans>, <Time value={rule.updateTime} />],
      ]}
    />
  );
}

function How({ rule }: { readonly rule: NotificationRule }) {
  const { t } = useLingui();
  const recipientName = useRecipient();
  const frequency = useFrequency();
  const severity = useSeverity();
  const quietHours = useQuietHours();
  return (
    <Properties
      entries={[
        [
          <Trans>To</Trans>,
          <List size="sm" listStyleType="none">
            {rule.recipients.map((one) => <List.Item key={`${one.recipient.case} ${one.recipient.value}`}>{one.recipient.case === "audience" || one.recipient.case === undefined ? recipientName(one) : <AppLink to={pathOf(one.recipient.value)}>{recipientName(one)}</AppLink>}</List.Item>)}
          </List>,
        ],
        [<Trans>How often</Trans>, frequency(rule.frequency)],
        [<Trans>Severity</Trans>, rule.severity === Notification_Severity.UNSPECIFIED ? t`By itself` : <Badge variant="light" radius="sm" tt="none" color={severity(rule.severity).color}>{severity(rule.severity).label}</Badge>],
        [<Trans>Quiet hours</Trans>, rule.quietHours === undefined ? t`none` : quietHours(rule.quietHours)],
        [<Trans>Overrides below</Trans>, rule.overridesForbidden ? t`forbidden` : t`allowed`],
      ]}
    />
  );
}

function Actions({ rule }: { readonly rule: NotificationRule }) {
  const parent = useParent();
  const navigate = useNavigate();
  const { t } = useLingui();
  const [removing, setRemoving] = useState(false);
  const update = useSaving(NotificationRules.method.updateNotificationRule);
  const removal = useSaving(NotificationRules.method.deleteNotificationRule, t`The rule is deleted.`);
  const paths = pathsOf(parent);
  if (rule.inheritedFrom !== "") return <Button component={Link} to={paths.newRule} search={{ overrides: idOf(rule.name) } as never}><Trans>Override it below</Trans></Button>;
  const turn = (): void => {
    const { name, etag, disabled } = rule;
    update.save({ notificationRule: { name, etag, disabled: !disabled }, updateMask: { paths: ["disabled"] } });
  };
  return (
    <Group gap="sm">
      {update.isError && <ErrorNotice error={update.error} />}
      {rule.overrides === "" && <Button variant="subtle" component={Link} to={paths.newRule} search={{ overrides: idOf(rule.name) } as never}><Trans>Override it below</Trans></Button>}
      <Button variant="default" loading={update.isPending} onClick={turn}>{rule.disabled ? <Trans>Switch on</Trans> : <Trans>Switch off</Trans>}</Button>
      <Button variant="light" color="red" onClick={() => setRemoving(true)}><Trans>Delete</Trans></Button>
      <Button component={Link} to={`${pathOf(rule.name)}/edit`}><Trans>Change</Trans></Button>
      <Confirmation opened={removing} close={() => setRemoving(false)} title={<Trans>Delete this rule?</Trans>} about={rule.displayName || idOf(rule.name)} verb={<Trans>Delete</Trans>} mutation={removal} danger confirm={() => removal.save({ name: rule.name }, () => void navigate({ to: paths.rules }))}>
        <Trans>It sends no more alerts. Its alerts stay in the inboxes, what it holds for a digest is sent, and rules that take its place below are deleted, too.</Trans>
      </Confirmation>
    </Group>
  );
}
