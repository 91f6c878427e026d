"""What can happen to an organization's calls and ledger."""

from gateway_core.model.calls.holds import Hold
from tests.contract.usage_service.settlement_cases import make_settlement
from usage_service.settlement.charge_decision import ExpiredHoldPolicy
from usage_service.settlement.rows import Settlement

ENDS = [
    *("settle exactly", "settle less", "settle more", "void it"),
    *("finish exactly", "finish less", "finish more"),
    *(f"expire {policy}" for policy in ExpiredHoldPolicy),
    *("late dearer", "late cheaper", "repeat", "contradict"),
]
DISTURBANCES = ["lose Redis", "keep Redis", "restore Redis", "change cycle", "next day", "raise limit", "lower limit"]
POSTINGS = ["top-up", "adjustment", "taking", "refund", "post twice"]


def settlement_of(hold: Hold, extent: str) -> Settlement:
    """Returns the settlement of a call that used its output limit exactly, or less or more of it."""
    tokens = {"exactly": hold.output_tokens, "less": hold.output_tokens // 2, "more": hold.output_tokens + 50}
    return make_settlement(hold, input_tokens=hold.input_tokens, output_tokens=tokens[extent])
