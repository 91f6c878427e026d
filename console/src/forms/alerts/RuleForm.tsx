import { type NotificationRule, NotificationRule_Frequency, NotificationRules, Notification_Severity } from "@megarouter/admin";
import { Trans, useLingui } from "@lingui/react/macro";
import { Button, Checkbox, Group, MultiSelect, NativeSelect, SimpleGrid, Stack, TagsInput, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";

import { ErrorNotice } from "../../components/ErrorNotice";
import { ScopeChoice } from "../../components/ScopeChoice";
import { useParent } from "../../hooks/account";
import { useSeverity } from "../../hooks/labels";
import { useSaving } from "../../hooks/saving";
import { type ConditionName, useEventTypes } from "../../pages/alerts/events";
import { useFrequency } from "../../pages/alerts/labels";
import { Surface } from "../../ui/Surface";
import { DryRun } from "./DryRun";
import { QuietFields } from "./QuietFields";
import { RecipientFields } from "./RecipientFields";
import { type WantedRule, changedFields, conditionNames, needsThreshold, newRule, ruleOf, wantedOf, wrongFields } from "./wanted_rule";

interface RuleFormProps {
  /** The rule to change; a new one otherwise. */
  readonly rule?: NotificationRule;
  /** The rule whose place a new one takes. */
  readonly overrides?: NotificationRule;
  readonly onDone: (name: string) => void;
}

export function RuleForm({ rule, overrides, onDone }: RuleFormProps) {
  const parent = useParent();
  const { t } = useLingui();
  const [wanted, setWanted] = useState<WantedRule>(() => (rule !== undefined ? wantedOf(rule) : overrides !== undefined ? { ...wantedOf(overrides), scope: "", members: [], channels: [] } : newRule(parent)));
  const [checked, setChecked] = useState(false);
  const creation = useSaving(NotificationRules.method.createNotificationRule, t`The rule is added.`);
  const update = useSaving(NotificationRules.method.updateNotificationRule, t`The rule is saved.`);
  const change = (part: Partial<WantedRule>): void => setWanted({ ...wanted, ...part });
  const wrong = wrongFields(wanted);
  const isWrong = (name: Parameters<typeof wrong.has>[0]): boolean => checked && wrong.has(name);
  const saving = rule === undefined ? creation : update;
  const saved = ({ name }: NotificationRule): void => onDone(name);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setChecked(true);
    if (wrong.size > 0 || wanted.scope === "") return;
    const notificationRule = { ...ruleOf(wanted), ...(overrides === undefined ? {} : { overrides: overrides.name }) };
    if (rule === undefined) creation.save({ parent, notificationRule }, saved);
    else update.save({ notificationRule: { ...notificationRule, name: rule.name, etag: rule.etag }, updateMask: { paths: [...changedFields] } }, saved);
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="lg">
        {saving.isError && <ErrorNotice error={saving.error} />}
        <Surface title={<Trans>What it tells of</Trans>}>
          <Stack gap="md" maw={720}>
            <TextInput
              label={t`Name`} required maxLength={200} value={wanted.displayName} onChange={(event) => change({ displayName: event.currentTarget.value })}
              error={isWrong("displayName") ? t`Give the rule a name.` : saving.violation("notification_rule.display_name")}
            />
            <ScopeChoice
              label={t`About`} value={wanted.scope} onChange={(scope) => change({ scope })} kinds={["organization", "groups", "members", "apiKeys"]}
              error={(checked && wanted.scope === "" ? t`Choose what it is about.` : undefined) ?? saving.violation("notification_rule.scope")}
            />
            <Checkbox label={t`And everything inside it: groups, members and keys`} checked={wanted.withInside} onChange={(event) => change({ withInside: event.currentTarget.checked })} />
            <Events wanted={wanted} change={change} error={isWrong("eventTypes") ? t`Choose what it tells of.` : undefined} />
            {needsThreshold(wanted) && (
              <SimpleGrid cols={{ base: 1, xs: 2 }}>
                <TagsInput
                  label={t`At percent`} description={t`Of a budget, of the seats or of the keys, such as 80`} value={[...wanted.percents]} onChange={(percents) => change({ percents: percents.map((text) => text.replace(/\s*%$/, "")) })}
                  maxTags={16} error={isWrong("percents") ? t`Enter at least one number from 1 to 1000.` : saving.violation("notification_rule.threshold_percents")}
                />
                <TagsInput
                  label={t`At credits`} description={t`Amounts of spend, such as 500`} value={[...wanted.amounts]} onChange={(amounts) => change({ amounts })} maxTags={16} splitChars={[";"]}
                  error={isWrong("amounts") ? t`Enter amounts such as 25 or 0.5.` : saving.violation("notification_rule.threshold_nano_credits")}
                />
              </SimpleGrid>
            )}
            <Conditions wanted={wanted} change={change} isWrong={isWrong} />
          </Stack>
        </Surface>
        <Surface title={<Trans>Who gets it</Trans>}>
          <RecipientFields wanted={wanted} change={change} error={isWrong("recipients") ? t`Choose at least one recipient.` : saving.violation("notification_rule.recipients")} />
        </Surface>
        <Surface title={<Trans>How it is sent</Trans>} hint={<Trans>To channels. Inboxes get each alert at once.</Trans>}>
          <Stack gap="md" maw={720}>
            <Sending wanted={wanted} change={change} />
            <QuietFields wanted={wanted} change={change} error={saving.violation("notification_rule.quiet_hours")} />
            {overrides === undefined && rule?.overrides !== "" && rule !== undefined ? null : (
              <Checkbox label={t`No rule of a lower scope can take its place there`} checked={wanted.overridesForbidden} onChange={(event) => change({ overridesForbidden: event.currentTarget.checked })} />
            )}
          </Stack>
        </Surface>
        <DryRun rule={wrong.size > 0 || wanted.scope === "" ? undefined : ruleOf(wanted)} />
        <Group><Button type="submit" loading={saving.isPending}>{rule === undefined ? <Trans>Add the rule</Trans> : <Trans>Save the rule</Trans>}</Button></Group>
      </Stack>
    </form>
  );
}

export interface FieldsProps {
  readonly wanted: WantedRule;
  readonly change: (part: Partial<WantedRule>) => void;
  readonly error?: string | undefined;
}

function Events({ wanted, change, error }: FieldsProps) {
  const { t } = useLingui();
  const groups = useEventTypes();
  return (
    <MultiSelect
      label={t`Events`} searchable hidePickedOptions maxDropdownHeight={320} value={[...wanted.eventTypes]} onChange={(eventTypes) => change({ eventTypes })} error={error}
      data={groups.map(({ group, items }) => ({ group, items: [...items] }))} nothingFoundMessage={t`No event has this name.`}
    />
  );
}

function Sending({ wanted, change }: FieldsProps) {
  const { t } = useLingui();
  const frequency = useFrequency();
  const severity = useSeverity();
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }}>
      <NativeSelect
        label={t`How often`} description={t`Digests are sent at 08:00`} value={String(wanted.frequency)} onChange={(event) => change({ frequency: Number(event.currentTarget.value) as NotificationRule_Frequency })}
        data={[NotificationRule_Frequency.AT_ONCE, NotificationRule_Frequency.DAILY, NotificationRule_Frequency.WEEKLY].map((one) => ({ value: String(one), label: frequency(one) }))}
      />
      <NativeSelect
        label={t`Severity`} description={t`By itself: an alert from 95% on`} value={String(wanted.severity)} onChange={(event) => change({ severity: Number(event.currentTarget.value) as Notification_Severity })}
        data={[
          { value: "0", label: t`By itself` },
          ...[Notification_Severity.INFO, Notification_Severity.WARNING, Notification_Severity.ALERT].map((one) => ({ value: String(one), label: severity(one).label })),
        ]}
      />
    </SimpleGrid>
  );
}

function Conditions({ wanted, change, isWrong }: FieldsProps & { readonly isWrong: (name: ConditionName) => boolean }) {
  const { t } = useLingui();
  const names = conditionNames(wanted);
  if (names.length === 0) return null;
  const labels: Record<ConditionName, readonly [string, string]> = {
    creditLeft: [t`Credit left, in credits`, t`Empty: the amount does not matter`], creditLeftDays: [t`Credit lasts for days`, t`Empty: 7`],
    refusedPercent: [t`Refused calls, in percent`, t`Of five minutes. Empty: 20`], refusedMinCalls: [t`Calls in five minutes`, t`At least. Empty: 20`],
    failedPercent: [t`Failed calls, in percent`, t`Of five minutes. Empty: 50`], expiresInDays: [t`Days before a key ends`, t`Empty: 7`], unusedDays: [t`Days without a call`, t`Empty: 90`],
  };
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }}>
      {names.map((name) => (
        <TextInput
          key={name} label={labels[name][0]} description={labels[name][1]} inputMode="decimal" value={wanted.conditions[name] ?? ""} error={isWrong(name) ? t`Write a number.` : undefined}
          onChange={(event) => change({ conditions: { ...wanted.conditions, [name]: event.currentTarget.value } })}
        />
      ))}
    </SimpleGrid>
  );
}
