"""What receivers of alerts get: the data of each type of event, version 1.

Within a version, data grows only by new fields, and a receiver ignores those that it does not know. Amounts are nano-credits in
decimal text, and times are RFC 3339 in UTC, as in the API.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from gateway_core.model.alerts import event_types as types

VERSION: Final = 1

Amount = Annotated[str, Field(pattern="^-?[0-9]+$", description="Nano-credits.")]
Count = Annotated[str, Field(pattern="^[0-9]+$")]
Name = Annotated[str, Field(pattern="^organizations/", description="A resource name of the admin API.")]
Time = Annotated[str, Field(pattern="^[0-9-]{10}T[0-9:.]+Z$", description="RFC 3339, in UTC.")]


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)


class Named(_Part):
    """Something with a name of the API, and what people call it."""

    name: Name
    display_name: str


class Proof(_Part):
    """The call that caused it."""

    ledger_position: Annotated[str, Field(pattern="^[0-9]+$", description="Its number in the ledger.")]
    call: Name


class CrossingProof(Proof):
    """The call that crossed a threshold, with the spend before and after it."""

    spent_before_nano_credits: Amount
    spent_after_nano_credits: Amount


class CreditProof(_Part):
    """What took the credit to the limit, with the credit before and after it."""

    ledger_position: str
    call: Name | None
    """None if it was no call."""
    credit_before_nano_credits: Amount
    credit_after_nano_credits: Amount


class TransferProof(_Part):
    """The transfer in the ledger."""

    ledger_position: str


class BudgetInPeriod(_Part):
    """A budget in one of its periods. Without a cycle it has no period."""

    limit_nano_credits: Amount | None
    """None if it was removed."""
    cycle: Literal["NEVER", "DAILY", "WEEKLY", "MONTHLY"]
    models: str | None
    """The models that it counts; None for all."""
    period_start_time: Time | None
    period_end_time: Time | None


class Threshold(_Part):
    """What was reached: the share, if the rule has one, and the amount."""

    percent: int | None
    amount_nano_credits: Amount | None
    """None if the budget was removed."""


class Share(_Part):
    """A share of a limit."""

    percent: int


class AmountReached(_Part):
    """An amount that was reached."""

    amount_nano_credits: Amount


class Use(_Part):
    """How much of a limit is used."""

    used: Count
    limit: Count


class Refused(_Part):
    """Calls of the last minutes."""

    refused: Count
    all: Count
    minutes: int


class Credit(_Part):
    """What is left."""

    left_nano_credits: Amount


class LowCredit(Credit):
    """What is left, and what is little."""

    low_at_nano_credits: Amount | None = None
    days_left: int | None = None
    low_at_days: int | None = None


class InviteUse(_Part):
    """An invite, and how often it was used."""

    name: Name
    use_count: int
    max_uses: int


class ModelSpend(_Part):
    """What a model cost."""

    model: str
    spent_nano_credits: Amount


class MemberSpend(Named):
    """What a member spent."""

    spent_nano_credits: Amount


class EventData(_Part):
    """What every event has."""

    version: Literal[1]
    severity: Literal["INFO", "WARNING", "ALERT"]
    organization: Name
    rule: Name
    scope: Named


class BudgetEvent(EventData):
    """The spend of a budget."""

    budget: BudgetInPeriod
    threshold: Threshold
    spent_nano_credits: Amount
    proof: CrossingProof | None
    """None if no call crossed, but a limit or a rule changed."""


class BudgetResetEvent(EventData):
    """A budget in its new period."""

    budget: BudgetInPeriod


class SpendEvent(EventData):
    """The spend of a month."""

    threshold: AmountReached
    spent_nano_credits: Amount
    period_start_time: Time
    period_end_time: Time


class SeatsEvent(EventData):
    """Seats in use."""

    seats: Use
    threshold: Share


class KeysEvent(EventData):
    """API keys that exist."""

    keys: Use
    threshold: Share


class RefusalsEvent(EventData):
    """Refused calls."""

    calls: Refused


class LowCreditEvent(EventData):
    """The credit, and what took it there."""

    credit: LowCredit
    proof: CreditProof | None


class CreditEvent(EventData):
    """The credit."""

    credit: Credit


class TopUpEvent(EventData):
    """What came in."""

    credit: Credit
    amount_nano_credits: Amount
    reason: str
    proof: TransferProof


class ChangeEvent(EventData):
    """Who changed it."""

    actor: Named | None
    """None if no member did."""
    audit_log_entry: Name


class InviteEvent(ChangeEvent):
    """The invite."""

    invite: InviteUse


class GuardrailEvent(ChangeEvent):
    """Which settings differ."""

    changed_fields: list[str]


class ExpiringEvent(EventData):
    """When the key expires."""

    expire_time: Time


class UnusedEvent(EventData):
    """How long the key has not been used."""

    days: int
    last_use_time: Time | None
    """None if it never was."""


class AnomalyEvent(EventData):
    """The spend, and what was expected."""

    anomaly: Name
    start_time: Time
    end_time: Time
    spent_nano_credits: Amount
    expected_nano_credits: Amount
    highest_usual_nano_credits: Amount


class UnconfirmedEvent(EventData):
    """The first such call of the day."""

    provider: str
    day: str
    charge_nano_credits: Amount
    proof: Proof


class DoubtfulEvent(UnconfirmedEvent):
    """The first such call of the day, and what is doubtful."""

    kinds: list[str]


class AccountEvent(EventData):
    """The provider, its reason, and the call."""

    provider: str
    reason: Literal["credential", "permission", "billing"]
    proof: Proof


class ProviderEvent(EventData):
    """Calls of the last five minutes, of all organizations together, at most 100."""

    provider: str
    call_count: Count
    failed_count: Count
    failed_percent: int


class SummaryEvent(EventData):
    """The spend of a period, and who and what spent most."""

    period_start_time: Time
    period_end_time: Time
    spent_nano_credits: Amount
    call_count: Count
    spent_before_nano_credits: Amount
    top_models: list[ModelSpend]
    top_members: list[MemberSpend]


class Saved(_Part):
    """What calls cost less than with their baselines. Negative if they cost more."""

    saved_nano_credits: Amount
    baseline_nano_credits: Amount
    call_count: Count


class SavingsEvent(EventData):
    """What routing saved in a month: calls of which both prices are known, with the tokens that were used."""

    period_start_time: Time
    period_end_time: Time
    saved_nano_credits: Amount
    baseline_nano_credits: Amount
    call_count: Count
    unknown_call_count: Count
    """Calls without a baseline or its price, which count nowhere else."""
    simple: Saved
    """Calls for which a cheaper model than the baseline was good enough."""
    complex: Saved


class ReturnEvent(EventData):
    """What was measured: `rated_bad` or `troubled`, in conversations that were routed and in those held out for comparison."""

    virtual_model: Name
    model_name: str
    use_case: str
    measure: Literal["rated_bad", "troubled"]
    routed_count: Count
    routed_bad_count: Count
    held_out_count: Count
    held_out_bad_count: Count
    loss_basis_points: int
    loss_basis_points_low: int
    allowed_loss_basis_points: int
    return_time: Time


EVENT_DATA: Final[dict[str, type[EventData]]] = {
    types.THRESHOLD_REACHED: BudgetEvent,
    types.EXHAUSTED: BudgetEvent,
    types.RECOVERED: BudgetEvent,
    types.BUDGET_RESET: BudgetResetEvent,
    types.SPEND_REACHED: SpendEvent,
    types.SEATS_REACHED: SeatsEvent,
    types.SEATS_RECOVERED: SeatsEvent,
    types.KEYS_REACHED: KeysEvent,
    types.KEYS_RECOVERED: KeysEvent,
    types.CALLS_REFUSED: RefusalsEvent,
    types.CALLS_ADMITTED: RefusalsEvent,
    types.CREDIT_LOW: LowCreditEvent,
    types.CREDIT_RECOVERED: LowCreditEvent,
    types.CREDIT_EXHAUSTED: CreditEvent,
    types.CREDIT_RESTORED: CreditEvent,
    types.CREDIT_TOPPED_UP: TopUpEvent,
    types.KEY_CREATED: ChangeEvent,
    types.KEY_DISABLED: ChangeEvent,
    types.KEY_DELETED: ChangeEvent,
    types.KEY_EXPIRING: ExpiringEvent,
    types.KEY_UNUSED: UnusedEvent,
    types.MEMBER_JOINED: ChangeEvent,
    types.MEMBER_REMOVED: ChangeEvent,
    types.INVITE_USED: InviteEvent,
    types.GUARDRAIL_CHANGED: GuardrailEvent,
    types.ANOMALY_FOUND: AnomalyEvent,
    types.USAGE_UNCONFIRMED: UnconfirmedEvent,
    types.USAGE_DOUBTFUL: DoubtfulEvent,
    types.ACCOUNT_REFUSED: AccountEvent,
    types.ACCOUNT_ACCEPTED: AccountEvent,
    types.PROVIDER_DOWN: ProviderEvent,
    types.PROVIDER_RECOVERED: ProviderEvent,
    types.WEEKLY_SUMMARY: SummaryEvent,
    types.MONTHLY_SUMMARY: SummaryEvent,
    types.MONTHLY_SAVINGS: SavingsEvent,
    types.ROUTING_RETURNED: ReturnEvent,
}
"""The data of each type that a rule can name."""


def check_event(event_type: str, data: object) -> None:
    """Checks the data of an event against its version.

    Raises:
        ValueError: a field is missing, unknown or malformed.
    """
    EVENT_DATA[event_type].model_validate(data)
