"""What a caller reads when a limit of requests refuses a call: ratelimit_service answers with it, an explanation quotes it."""

from collections.abc import Sequence

from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.limits.rate_limits import CounterState, RateCounter, refusal_message, retry_after_s, tightest


def refuse_rates(states: Sequence[CounterState]) -> Refusal | None:
    """Returns the refusal of a call with these states, or None if every limit has room that is not in shadow mode.

    Of several limits that refuse, the one with the longest wait is reported: after it the call passes all of them.
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
