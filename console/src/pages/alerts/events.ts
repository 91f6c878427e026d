import { useLingui } from "@lingui/react/macro";

/** Types of events that need a threshold, as the service checks it (`gateway_core/model/alerts/event_types.py`). */
export const ofThresholds: readonly string[] = ["budget.threshold_reached", "budget.recovered", "budget.reset"];
export const ofPercents: readonly string[] = ["seats.threshold_reached", "seats.recovered", "keys.threshold_reached", "keys.recovered"];
export const ofAmounts: readonly string[] = ["spend.threshold_reached"];

/** What a rule tells of that names no types. */
export const ofBudgets: readonly string[] = ["budget.threshold_reached", "budget.exhausted", "budget.recovered"];

/** The conditions of types of events: from when on they matter. */
export const conditionsOf: Readonly<Record<string, readonly ConditionName[]>> = {
  "credit.low": ["creditLeft", "creditLeftDays"],
  "rate_limit.sustained": ["refusedPercent", "refusedMinCalls"],
  "provider.down": ["failedPercent"],
  "key.expiring": ["expiresInDays"],
  "key.unused": ["unusedDays"],
};
export type ConditionName = "creditLeft" | "creditLeftDays" | "refusedPercent" | "refusedMinCalls" | "failedPercent" | "expiresInDays" | "unusedDays";

/** Types of events about one thing, with what people read for them. */
interface EventGroup {
  readonly group: string;
  readonly items: readonly { readonly value: string; readonly label: string }[];
}

/** The types of events that a rule can name. */
export function useEventTypes(): readonly EventGroup[] {
  const { t } = useLingui();
  const group = (name: string, items: Readonly<Record<string, string>>) => ({ group: name, items: Object.entries(items).map(([value, label]) => ({ value, label })) });
  return [
    group(t`Budgets and spend`, {
      "budget.threshold_reached": t`A budget reached a threshold`, "budget.exhausted": t`A budget refuses calls`, "budget.recovered": t`A budget is below 100% again`,
      "budget.reset": t`A budget starts over`, "spend.threshold_reached": t`A scope spent an amount this month`,
    }),
    group(t`Credit`, {
      "credit.low": t`Credit runs low`, "credit.recovered": t`Credit is no longer low`, "credit.exhausted": t`Credit is used up`, "credit.restored": t`There is credit again`,
      "credit.topped_up": t`Credit came in`,
    }),
    group(t`API keys`, {
      "key.created": t`A key was created`, "key.disabled": t`A key was disabled`, "key.deleted": t`A key was deleted`, "key.expiring": t`A key is about to end`,
      "key.unused": t`A key is not used`,
    }),
    group(t`People and limits`, {
      "member.joined": t`Somebody joined`, "member.removed": t`Somebody left`, "invite.used": t`An invite was used`, "guardrail.changed": t`A limit was changed`,
      "seats.threshold_reached": t`Seats reached a share of their limit`, "seats.recovered": t`Seats are below it again`,
      "keys.threshold_reached": t`Keys reached a share of their limit`, "keys.recovered": t`Keys are below it again`,
    }),
    group(t`Calls`, {
      "rate_limit.sustained": t`A rate limit refuses calls for minutes`, "rate_limit.ended": t`A rate limit no longer refuses calls`, "anomaly.found": t`Unusual spend was found`,
      "usage.unconfirmed": t`Usage could not be confirmed`, "usage.doubtful": t`A provider reported doubtful usage`,
    }),
    group(t`Providers and routing`, {
      "provider.down": t`A provider fails`, "provider.recovered": t`A provider answers again`, "provider.account_refused": t`A provider refuses the gateway's account`,
      "provider.account_accepted": t`A provider accepts the account again`, "routing.returned": t`A use case went back to its baseline`,
    }),
    group(t`Summaries`, { "summary.weekly": t`The week`, "summary.monthly": t`The month`, "savings.monthly": t`What routing saved in the month` }),
  ];
}

/** All types of events: those that a rule can name, and those that reach people without one, as they concern only them. */
export function useAllEventTypes(): readonly EventGroup[] {
  const { t } = useLingui();
  const withoutRule = [
    { value: "export.ready", label: t`An export is ready` }, { value: "export.failed", label: t`An export failed` },
    { value: "channel.disabled", label: t`A channel was switched off` },
  ];
  return [...useEventTypes(), { group: t`Without a rule`, items: withoutRule }];
}

/** What people read for a type of event. One that the console does not know is shown as it is. */
export function useEventName(): (type: string) => string {
  const groups = useAllEventTypes();
  return (type) => groups.flatMap((group) => group.items).find((item) => item.value === type)?.label ?? type;
}
