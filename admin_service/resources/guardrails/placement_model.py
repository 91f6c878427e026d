"""Predicts what `place.lua` would decide about a hold, from given counters. An explanation must not place a hold.

The rule exists twice, in the script and in this model. `tests/contract/authz_service/test_explained_calls.py` compares them.
"""

from collections.abc import Iterator

from admin_service.resources.guardrails.live_counters import LiveCounters, Spend, Usage
from gateway_core.model.calls.decision import Admission
from gateway_core.model.calls.placements import BusyThrottle, ExhaustedCounter, OutputCut, Refused
from gateway_core.model.catalog.reserves import share_of
from gateway_core.model.limits.throttles import ThrottleKind


def judge_placement(admission: Admission, counters: LiveCounters) -> Refused | None:
    """Returns which budgets, credit and throttles have too little left for the hold, or None if it can be placed."""
    amount = amount_with(admission, counters)
    exhausted, busy = tuple(_exhausted(admission, counters, amount)), tuple(_busy(admission, counters))
    return Refused(exhausted, busy) if exhausted or busy else None


def needed_units(kind: ThrottleKind, admission: Admission) -> int:
    """Returns what the call takes of a throttle: its tokens, or 1 for concurrent calls."""
    return admission.hold.input_tokens + admission.hold.output_tokens if kind is ThrottleKind.TOKENS else 1


def amount_with(admission: Admission, counters: LiveCounters) -> int:
    """Returns what the hold reserves on these counters: less than its maximum if the call gets an output limit."""
    cut = output_cut(admission, counters)
    return admission.hold.amount_nano_credits if cut is None else cut.amount_nano_credits


def output_cut(admission: Admission, counters: LiveCounters) -> OutputCut | None:
    """Returns the output limit that the call gets on these counters; None if it passes untouched."""
    share = admission.share
    if share is None:
        return None
    limit = share.limit_within(admission.hold.amount_nano_credits, min(_shares(admission, counters)))
    return None if limit is None else OutputCut(limit, share.amount_nano_credits(limit))


def _shares(admission: Admission, counters: LiveCounters) -> Iterator[int]:
    """Yields the share of the credit pool and of each enforced budget, in nano-credits."""
    balance = counters.pool.settled_nano_credits
    yield share_of(balance, balance - counters.pool.held_nano_credits)
    limits = admission.terms.limits
    for counter, limit in zip(admission.hold.claims.counters, limits.budgets, strict=True):
        if limit is not None and counter.scope not in limits.shadows:
            spend = counters.spend.get(counter, Spend())
            unspent = limit + counters.carried.get(counter, 0) - spend.settled_nano_credits
            yield share_of(unspent, unspent - spend.held_nano_credits)


def _exhausted(admission: Admission, counters: LiveCounters, amount: int) -> Iterator[ExhaustedCounter]:
    hold, limits = admission.hold, admission.terms.limits
    for index, (counter, limit) in enumerate(zip(hold.claims.counters, limits.budgets, strict=True)):
        spend = counters.spend.get(counter, Spend())
        settled, held = spend.settled_nano_credits, spend.held_nano_credits
        needed = settled + held + amount
        carried = counters.carried.get(counter, 0)
        if limit is not None and needed > limit + carried and counter.scope not in limits.shadows:
            yield ExhaustedCounter(index, settled, held, carried, counters.coming.get(counter, 0))
    balance, held = counters.pool.settled_nano_credits, counters.pool.held_nano_credits
    if held + amount > balance:
        yield ExhaustedCounter(None, balance, held)


def _busy(admission: Admission, counters: LiveCounters) -> Iterator[BusyThrottle]:
    limits = admission.terms.limits
    for index, (throttle, limit) in enumerate(zip(admission.hold.claims.throttles, limits.throttles, strict=True)):
        usage = counters.throttles.get(throttle, Usage())
        needed = needed_units(throttle.kind, admission)
        if usage.used + needed > limit and throttle.scope not in limits.shadows:
            yield BusyThrottle(index, usage.used, None if needed > limit else usage.wait_us, usage.reset_us)
