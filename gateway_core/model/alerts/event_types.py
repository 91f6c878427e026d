"""The types of alert events, as rules name them and receivers get them."""

from typing import Final

THRESHOLD_REACHED: Final = "budget.threshold_reached"
EXHAUSTED: Final = "budget.exhausted"
RECOVERED: Final = "budget.recovered"
BUDGET_RESET: Final = "budget.reset"
SPEND_REACHED: Final = "spend.threshold_reached"

SEATS_REACHED: Final = "seats.threshold_reached"
SEATS_RECOVERED: Final = "seats.recovered"
KEYS_REACHED: Final = "keys.threshold_reached"
KEYS_RECOVERED: Final = "keys.recovered"
CALLS_REFUSED: Final = "rate_limit.sustained"
CALLS_ADMITTED: Final = "rate_limit.ended"

CREDIT_LOW: Final = "credit.low"
CREDIT_RECOVERED: Final = "credit.recovered"
CREDIT_EXHAUSTED: Final = "credit.exhausted"
CREDIT_RESTORED: Final = "credit.restored"
CREDIT_TOPPED_UP: Final = "credit.topped_up"

KEY_CREATED: Final = "key.created"
KEY_DISABLED: Final = "key.disabled"
KEY_DELETED: Final = "key.deleted"
KEY_EXPIRING: Final = "key.expiring"
KEY_UNUSED: Final = "key.unused"
MEMBER_JOINED: Final = "member.joined"
MEMBER_REMOVED: Final = "member.removed"
INVITE_USED: Final = "invite.used"
GUARDRAIL_CHANGED: Final = "guardrail.changed"

ANOMALY_FOUND: Final = "anomaly.found"
USAGE_UNCONFIRMED: Final = "usage.unconfirmed"
USAGE_DOUBTFUL: Final = "usage.doubtful"
ACCOUNT_REFUSED: Final = "provider.account_refused"
ACCOUNT_ACCEPTED: Final = "provider.account_accepted"
PROVIDER_DOWN: Final = "provider.down"
PROVIDER_RECOVERED: Final = "provider.recovered"
WEEKLY_SUMMARY: Final = "summary.weekly"
MONTHLY_SUMMARY: Final = "summary.monthly"

TEST: Final = "test"

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
)  # fmt: skip
"""Those that a rule can name. Somebody who tests a channel causes the other."""
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
