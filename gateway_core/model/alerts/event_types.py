"""The types of alert events, as rules name them and receivers get them."""

from typing import Final

THRESHOLD_REACHED: Final = "budget.threshold_reached"
"""The spend of a budget has reached a threshold of a rule. Exactly at the threshold counts."""
EXHAUSTED: Final = "budget.exhausted"
"""Calls were refused, because too little is left of a budget for them. Reported once for each limit of a budget in a period."""
RECOVERED: Final = "budget.recovered"
"""The spend of a budget that had reached 100 percent is below them again: its limit was raised, or a charge corrected."""
BUDGET_RESET: Final = "budget.reset"
"""A new period of a budget began, or an admin reset it, after it had reached a threshold of the rule."""
SPEND_REACHED: Final = "spend.threshold_reached"
"""The scope of the rule has no budget, and has spent an amount of the rule in this month of the organization's time zone."""
SEATS_REACHED: Final = "seats.threshold_reached"
"""The members of the organization have reached a share of its seat limit."""
SEATS_RECOVERED: Final = "seats.recovered"
"""There are free seats again after 100 percent were used."""
KEYS_REACHED: Final = "keys.threshold_reached"
"""The API keys of a member, a service account or the organization have reached a share of the key limit."""
KEYS_RECOVERED: Final = "keys.recovered"
"""There may be more API keys again after 100 percent were used."""
CALLS_REFUSED: Final = "rate_limit.sustained"
"""In five minutes, a share of the calls of a key or member exceeded a request limit. Reported once until it ends."""
CALLS_ADMITTED: Final = "rate_limit.ended"
"""That share is below half of the rule's."""
CREDIT_LOW: Final = "credit.low"
"""The credit is down to an amount, or lasts for few days at the rate of the last seven whole days."""
CREDIT_RECOVERED: Final = "credit.recovered"
"""The credit is above that again."""
CREDIT_EXHAUSTED: Final = "credit.exhausted"
"""Calls were refused because of too little credit, or nothing is left of it."""
CREDIT_RESTORED: Final = "credit.restored"
"""Credit came in after it was used up."""
CREDIT_TOPPED_UP: Final = "credit.topped_up"
"""Credit came in."""
KEY_CREATED: Final = "key.created"
"""An API key was created."""
KEY_DISABLED: Final = "key.disabled"
"""An API key was disabled."""
KEY_DELETED: Final = "key.deleted"
"""An API key was deleted."""
KEY_EXPIRING: Final = "key.expiring"
"""An API key expires within the days of the rule."""
KEY_UNUSED: Final = "key.unused"
"""An API key had no call for the days of the rule."""
MEMBER_JOINED: Final = "member.joined"
"""A member or service account was added, or a former member came back."""
MEMBER_REMOVED: Final = "member.removed"
"""A member or service account was removed."""
INVITE_USED: Final = "invite.used"
"""Somebody accepted an invite."""
GUARDRAIL_CHANGED: Final = "guardrail.changed"
"""The limits of a scope were changed."""
ANOMALY_FOUND: Final = "anomaly.found"
"""The spend of a day or hour is unusual."""
USAGE_UNCONFIRMED: Final = "usage.unconfirmed"
"""A call ended without a report, so its charge is an estimate. Reported once for each provider and local day."""
USAGE_DOUBTFUL: Final = "usage.doubtful"
"""A provider reported usage that contradicts itself, is implausible or has no price.

Reported once for each provider, kind and local day.
"""
ACCOUNT_REFUSED: Final = "provider.account_refused"
"""A provider refuses the gateway's account: its credential, its permission or its billing."""
ACCOUNT_ACCEPTED: Final = "provider.account_accepted"
"""A provider that refused the account has answered a call again."""
PROVIDER_DOWN: Final = "provider.down"
"""A share of the calls to a provider that the organization calls has failed in the last five minutes."""
PROVIDER_RECOVERED: Final = "provider.recovered"
"""That share is below half of the rule's."""
WEEKLY_SUMMARY: Final = "summary.weekly"
"""A week has ended in which the scope of the rule had calls."""
MONTHLY_SUMMARY: Final = "summary.monthly"
"""A month has ended in which the scope of the rule had calls."""
MONTHLY_SAVINGS: Final = "savings.monthly"
"""A month has ended in which routing chose models: what it saved against the baselines, or cost more."""
ROUTING_RETURNED: Final = "routing.returned"
"""A use case of a virtual model went back to its baseline, because routed conversations turned out to be worse than allowed."""
ALERT_CLOSED: Final = "alert.closed"
"""What an alert told of is over without a recovery: its rule was changed, switched off or deleted, or its period ended.

Channels that keep incidents get it, so that none stays open.
"""
CHANNEL_DISABLED: Final = "channel.disabled"
"""A channel was switched off, because it failed for five days or is gone. No rule is needed to hear of it."""
EXPORT_READY: Final = "export.ready"
"""A schedule has made a file. Its creator hears of it, without a rule."""
EXPORT_FAILED: Final = "export.failed"
"""A schedule could not make a file. Its creator hears of it, without a rule."""
DIGEST: Final = "digest"
"""What a rule has collected in a day or week."""
TEST: Final = "test"
"""Somebody tests a channel."""

MAILED_ALWAYS: Final = frozenset({KEY_CREATED, KEY_DISABLED, KEY_DELETED, CHANNEL_DISABLED})
"""Members cannot switch them off: they concern security, or the channel that would have said so is off."""
OF_BUDGETS: Final = (THRESHOLD_REACHED, EXHAUSTED, RECOVERED)
"""Those of a rule that names none."""
OF_RULES: Final = (
    *OF_BUDGETS, BUDGET_RESET, SPEND_REACHED,
    SEATS_REACHED, SEATS_RECOVERED, KEYS_REACHED, KEYS_RECOVERED, CALLS_REFUSED, CALLS_ADMITTED,
    CREDIT_LOW, CREDIT_RECOVERED, CREDIT_EXHAUSTED, CREDIT_RESTORED, CREDIT_TOPPED_UP,
    KEY_CREATED, KEY_DISABLED, KEY_DELETED, KEY_EXPIRING, KEY_UNUSED,
    MEMBER_JOINED, MEMBER_REMOVED, INVITE_USED, GUARDRAIL_CHANGED,
    ANOMALY_FOUND, USAGE_UNCONFIRMED, USAGE_DOUBTFUL,
    ACCOUNT_REFUSED, ACCOUNT_ACCEPTED, PROVIDER_DOWN, PROVIDER_RECOVERED, WEEKLY_SUMMARY, MONTHLY_SUMMARY,
    MONTHLY_SAVINGS, ROUTING_RETURNED,
)  # fmt: skip
"""Those that a rule can name. The others do not follow from rules, or say how a rule sends."""
SWITCHABLE_BY_MAIL: Final = frozenset({*OF_RULES, EXPORT_READY, EXPORT_FAILED}) - MAILED_ALWAYS
"""Those that a member may not want by e-mail."""
OF_PERCENTS: Final = frozenset({SEATS_REACHED, SEATS_RECOVERED, KEYS_REACHED, KEYS_RECOVERED})
"""They need a threshold in percent."""
OF_AMOUNTS: Final = frozenset({SPEND_REACHED})
"""They need a threshold as an amount."""
OF_THRESHOLDS: Final = frozenset({THRESHOLD_REACHED, RECOVERED, BUDGET_RESET})
"""They need a threshold of either form."""
OF_ORGANIZATION: Final = frozenset(
    {
        *(
            SEATS_REACHED,
            SEATS_RECOVERED,
            CREDIT_LOW,
            CREDIT_RECOVERED,
            CREDIT_EXHAUSTED,
            CREDIT_RESTORED,
            CREDIT_TOPPED_UP,
        ),
        MONTHLY_SAVINGS,
        *(USAGE_UNCONFIRMED, USAGE_DOUBTFUL, ACCOUNT_REFUSED, ACCOUNT_ACCEPTED, PROVIDER_DOWN, PROVIDER_RECOVERED),
    }
)
"""They are about the whole organization, so a rule of a part of it would never tell of them."""
ENDS: Final = {
    RECOVERED: THRESHOLD_REACHED,
    SEATS_RECOVERED: SEATS_REACHED,
    KEYS_RECOVERED: KEYS_REACHED,
    CALLS_ADMITTED: CALLS_REFUSED,
    CREDIT_RECOVERED: CREDIT_LOW,
    CREDIT_RESTORED: CREDIT_EXHAUSTED,
    ACCOUNT_ACCEPTED: ACCOUNT_REFUSED,
    PROVIDER_RECOVERED: PROVIDER_DOWN,
}
"""What says that something is over, and what said that it began. Both are about the same occasion."""
