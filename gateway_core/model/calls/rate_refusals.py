"""The refusal of a call by a request limit. ratelimit_service answers with it, and an explanation quotes it."""

from collections.abc import Sequence

from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.limits.rate_limits import CounterState, RateCounter, refusal_message, retry_after_s, tightest


def refuse_rates(states: Sequence[CounterState]) -> Refusal | None:
    """Returns the refusal of a call with these states, or None if every enforced limit has room.

    If several limits refuse, it reports the one with the longest wait: after that wait the call passes all of them.
    """
    enforced = [state for state in states if not state.demand.shadow]
    if all(state.fits for state in enforced):
        return None
    seconds = retry_after_s(enforced)
    counter = tightest(enforced).demand.counter
    return Refusal(
        RefusalReason.RATE_LIMITED,
        refusal_message(enforced),
        retry_after_s=seconds,
        never_passes=seconds is None,
        scope=counter.scope if isinstance(counter, RateCounter) else None,
    )
