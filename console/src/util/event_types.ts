/** The types of events that people may turn off by mail: docs/reference/alert-events.md describes them. */
export const eventTypes = [
  "budget.threshold_reached", "budget.exhausted", "budget.recovered", "budget.reset", "spend.threshold_reached", "seats.threshold_reached", "seats.recovered",
  "keys.threshold_reached", "keys.recovered", "rate_limit.sustained", "rate_limit.ended", "credit.low", "credit.recovered", "credit.exhausted", "credit.restored",
  "credit.topped_up", "key.created", "key.disabled", "key.deleted", "key.expiring", "key.unused", "member.joined", "member.removed", "invite.used", "guardrail.changed",
  "anomaly.found", "usage.unconfirmed", "usage.doubtful", "provider.account_refused", "provider.account_accepted", "provider.down", "provider.recovered", "summary.weekly",
  "summary.monthly", "savings.monthly", "routing.returned", "export.ready", "export.failed",
] as const;
