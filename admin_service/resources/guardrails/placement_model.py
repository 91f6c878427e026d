"""Predicts what `place.lua` would decide about a hold, from given counters. An explanation must not place a hold.

The rule exists twice, in the script and in this model. `tests/contract/authz_service/test_explained_calls.py` compares them.
"""

from collections.abc import Iterator

from admin_service.resources.guardrails.live_counters import LiveCounters, Spend, Usage
from gateway_core.model.calls.decision import Admission
from gateway_core.model.calls.placements import BusyThrottle, ExhaustedCounter, Refused
from gateway_core.model.limits.throttles import ThrottleKind


def judge_placement(admission: Admission, counters: LiveCounters) -> Refused | None:
    """Returns which budgets, credit and throttles have too little left for the hold, or None if it can be placed."""
    exhausted, busy = tuple(_exhausted(admission, counters)), tuple(_busy(admission, counters))
    return Refused(exhausted, busy) if exhausted or busy else None


def needed_units(kind: ThrottleKind, admission: Admission) -> int:
    """Returns what the call takes of a throttle: its tokens, or 1 for concurrent calls."""
    return admission.hold.input_tokens + admission.hold.output_tokens if kind is ThrottleKind.TOKENS else 1


def _exhausted(admission: Admission, counters: LiveCounters) -> Iterator[ExhaustedCounter]:
    amount = admission.hold.amount_nano_credits
    for index, (counter, limit) in enumerate(zip(admission.hold.counters, admission.limits, strict=True)):
        spend = counters.spend.get(counter, Spend())
        settled, held = spend.settled_nano_credits, spend.held_nano_credits
        if limit is not None and settled + held + amount > limit and counter.scope not in admission.shadows:
            yield ExhaustedCounter(index, settled, held)
    balance, held = counters.pool.settled_nano_credits, counters.pool.held_nano_credits
    if held + amount > balance:
        yield ExhaustedCounter(None, balance, held)


def _busy(admission: Admission, counters: LiveCounters) -> Iterator[BusyThrottle]:
    for index, (throttle, limit) in enumerate(zip(admission.hold.throttles, admission.throttle_limits, strict=True)):
        usage = counters.throttles.get(throttle, Usage())
        needed = needed_units(throttle.kind, admission)
        if usage.used + needed > limit and throttle.scope not in admission.shadows:
            yield BusyThrottle(index, usage.used, None if needed > limit else usage.wait_us, usage.reset_us)
