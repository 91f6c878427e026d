import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type NotificationRecipient, NotificationRecipient_Audience, type NotificationRule, NotificationRule_Frequency, type NotificationRuleSchema, Notification_Severity, type QuietHours_Day,
} from "@megarouter/admin";

import { type ConditionName, conditionsOf, ofAmounts, ofBudgets, ofPercents, ofThresholds } from "../../pages/alerts/events";
import { nanoPerCredit, parseCredits } from "../../util/credits";

/** What a person fills in about a rule. The rule is made of it on submit. */
export interface WantedRule {
  readonly displayName: string;
  /** The full name of what the rule speaks of. */
  readonly scope: string;
  readonly withInside: boolean;
  readonly eventTypes: readonly string[];
  readonly percents: readonly string[];
  readonly amounts: readonly string[];
  readonly audiences: readonly NotificationRecipient_Audience[];
  readonly members: readonly string[];
  readonly channels: readonly string[];
  readonly severity: Notification_Severity;
  readonly frequency: NotificationRule_Frequency;
  readonly isQuiet: boolean;
  readonly quietStart: string;
  readonly quietEnd: string;
  readonly quietDays: readonly QuietHours_Day[];
  readonly quietZone: string;
  readonly alertsPass: boolean;
  readonly conditions: Readonly<Partial<Record<ConditionName, string>>>;
  readonly overridesForbidden: boolean;
}

export const changedFields: readonly string[] = [
  "display_name", "scope", "only_scope", "event_types", "threshold_percents", "threshold_nano_credits", "recipients", "severity", "frequency", "quiet_hours", "overrides_forbidden",
  "conditions",
];

export function newRule(organization: string): WantedRule {
  return {
    displayName: "", scope: organization, withInside: true, eventTypes: ofBudgets, percents: ["80", "100"], amounts: [], audiences: [NotificationRecipient_Audience.OWNER],
    members: [], channels: [], severity: Notification_Severity.UNSPECIFIED, frequency: NotificationRule_Frequency.AT_ONCE, isQuiet: false, quietStart: "22:00",
    quietEnd: "07:00", quietDays: [], quietZone: "", alertsPass: true, conditions: {}, overridesForbidden: false,
  };
}

export function wantedOf(rule: NotificationRule): WantedRule {
  const { conditions: set, quietHours: quiet } = rule;
  const recipients = (kind: "member" | "channel"): readonly string[] => rule.recipients.flatMap(({ recipient }) => (recipient.case === kind ? [recipient.value] : []));
  const texts = {
    creditLeft: set?.creditLeftNanoCredits === undefined ? undefined : plainCredits(set.creditLeftNanoCredits), creditLeftDays: set?.creditLeftDays, refusedPercent: set?.refusedPercent,
    refusedMinCalls: set?.refusedMinCalls, failedPercent: set?.failedPercent, expiresInDays: set?.expiresInDays, unusedDays: set?.unusedDays,
  };
  return {
    displayName: rule.displayName, scope: rule.scope, withInside: !rule.onlyScope, eventTypes: rule.eventTypes, percents: rule.thresholdPercents.map(String),
    amounts: rule.thresholdNanoCredits.map(plainCredits), audiences: rule.recipients.flatMap(({ recipient }) => (recipient.case === "audience" ? [recipient.value] : [])),
    members: recipients("member"), channels: recipients("channel"), severity: rule.severity, frequency: rule.frequency || NotificationRule_Frequency.AT_ONCE,
    isQuiet: quiet !== undefined, quietStart: quiet?.start ?? "22:00", quietEnd: quiet?.end ?? "07:00", quietDays: quiet?.days ?? [], quietZone: quiet?.timeZone ?? "",
    alertsPass: quiet?.alertsPass ?? true, overridesForbidden: rule.overridesForbidden,
    conditions: Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)])),
  };
}

/** The conditions that matter for what the rule tells of. */
export function conditionNames(wanted: WantedRule): readonly ConditionName[] {
  return wanted.eventTypes.flatMap((type) => conditionsOf[type] ?? []);
}

export function needsThreshold(wanted: WantedRule): boolean {
  return [...ofThresholds, ...ofPercents, ...ofAmounts].some((type) => wanted.eventTypes.includes(type));
}

/** Which of the fields do not say what they should. */
export function wrongFields(wanted: WantedRule): ReadonlySet<"displayName" | "eventTypes" | "percents" | "amounts" | "recipients" | ConditionName> {
  const whole = (text: string, most: number): boolean => /^\d{1,7}$/.test(text) && Number(text) <= most;
  const wrong = new Set<"displayName" | "eventTypes" | "percents" | "amounts" | "recipients" | ConditionName>();
  if (wanted.displayName.trim() === "") wrong.add("displayName");
  if (wanted.eventTypes.length === 0) wrong.add("eventTypes");
  const isMissing = ofThresholds.some((type) => wanted.eventTypes.includes(type)) && wanted.percents.length === 0 && wanted.amounts.length === 0;
  const needsPercent = ofPercents.some((type) => wanted.eventTypes.includes(type)) && wanted.percents.length === 0;
  if (isMissing || needsPercent || wanted.percents.some((text) => !whole(text, 1000) || Number(text) < 1)) wrong.add("percents");
  const needsAmount = ofAmounts.some((type) => wanted.eventTypes.includes(type)) && wanted.amounts.length === 0;
  if (needsAmount || wanted.amounts.some((text) => (parseCredits(text) ?? 0n) === 0n)) wrong.add("amounts");
  if (wanted.audiences.length + wanted.members.length + wanted.channels.length === 0) wrong.add("recipients");
  for (const name of conditionNames(wanted)) {
    const text = wanted.conditions[name] ?? "";
    if (text !== "" && (name === "creditLeft" ? parseCredits(text) === undefined : !whole(text, 1_000_000))) wrong.add(name);
  }
  return wrong;
}

/** Makes the rule. What is wrong with it must have been said before. */
export function ruleOf(wanted: WantedRule): MessageInitShape<typeof NotificationRuleSchema> {
  const recipient = <Case extends NotificationRecipient["recipient"]["case"]>(kind: Case, value: unknown) => ({ recipient: { case: kind, value } as NotificationRecipient["recipient"] });
  const named = new Set(conditionNames(wanted));
  const number = (name: ConditionName): number | undefined => (named.has(name) && (wanted.conditions[name] ?? "") !== "" ? Number(wanted.conditions[name]) : undefined);
  const left = named.has("creditLeft") ? parseCredits(wanted.conditions.creditLeft ?? "") : undefined;
  return {
    displayName: wanted.displayName.trim(), scope: wanted.scope, onlyScope: !wanted.withInside, eventTypes: [...wanted.eventTypes], thresholdPercents: wanted.percents.map(Number),
    thresholdNanoCredits: wanted.amounts.map((text) => parseCredits(text) ?? 0n), severity: wanted.severity, frequency: wanted.frequency, overridesForbidden: wanted.overridesForbidden,
    recipients: [
      ...wanted.audiences.map((audience) => recipient("audience", audience)), ...wanted.members.map((member) => recipient("member", member)),
      ...wanted.channels.map((channel) => recipient("channel", channel)),
    ],
    ...(wanted.isQuiet ? { quietHours: { start: wanted.quietStart, end: wanted.quietEnd, days: [...wanted.quietDays], timeZone: wanted.quietZone.trim(), alertsPass: wanted.alertsPass } } : {}),
    conditions: {
      ...(left === undefined ? {} : { creditLeftNanoCredits: left }), ...defined({
        creditLeftDays: number("creditLeftDays"), refusedPercent: number("refusedPercent"), refusedMinCalls: number("refusedMinCalls"), failedPercent: number("failedPercent"),
        expiresInDays: number("expiresInDays"), unusedDays: number("unusedDays"),
      }),
    },
  };
}

function defined<Value>(values: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, Value] => entry[1] !== undefined));
}

/** Writes an amount as people type it. */
function plainCredits(nanoCredits: bigint): string {
  const decimals = (nanoCredits % nanoPerCredit).toString().padStart(9, "0").replace(/0+$/, "");
  return `${nanoCredits / nanoPerCredit}${decimals === "" ? "" : `.${decimals}`}`;
}
