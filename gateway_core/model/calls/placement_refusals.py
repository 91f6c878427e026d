"""The refusal of a call whose hold could not be placed, because of an exhausted limit or a busy throttle."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from gateway_core.model.calls.decision import Admission
from gateway_core.model.calls.placements import BusyThrottle, ExhaustedCounter, Refused, TokensLeft
from gateway_core.model.calls.refusals import ExhaustedLimit, Refusal, RefusalReason
from gateway_core.model.limits.throttles import ThrottleKind
from gateway_core.model.money import format_credits
from gateway_core.model.quotas import Quota, QuotaUnit

_US_PER_S: Final = 1_000_000
_HOLD_WAIT_S: Final = 1


def refuse_placement(admission: Admission, refused: Refused) -> Refusal:
    """Returns the refusal of a placement. An exhausted limit is reported before a busy throttle.

    Waiting helps only with the throttle.
    """
    if refused.exhausted:
        return refuse_exhausted(admission, refused.exhausted)
    return _refuse_busy(admission, refused.busy)


def passes_once_calls_end(admission: Admission, refused: Refused) -> bool:
    """Returns whether the end of calls that are open now can make the refused call pass."""
    if any(
        throttle.wait_us is None or admission.hold.claims.throttles[throttle.index].kind is not ThrottleKind.CALLS
        for throttle in refused.busy
    ):
        return False
    limits = [_exhausted_limit(admission, counter) for counter in refused.exhausted]
    return _fit_without_holds(limits, admission.least_nano_credits)


def _fit_without_holds(limits: Iterable[ExhaustedLimit], needed: int) -> bool:
    return all(
        limit.used_nano_credits + needed <= limit.limit_nano_credits + limit.coming_nano_credits for limit in limits
    )


def _refuse_busy(admission: Admission, busy: tuple[BusyThrottle, ...]) -> Refusal:
    """Names the first throttle that refused. The wait is long enough for all of them."""
    waits_s = [_wait_s(throttle) for throttle in busy]
    seconds = None if None in waits_s else max(wait for wait in waits_s if wait is not None)
    first = busy[0]
    throttle, limit = admission.hold.claims.throttles[first.index], admission.terms.limits.throttles[first.index]
    scope = throttle.scope
    if seconds is None:
        again = "Waiting does not help. Lower max_tokens or ask an admin to raise the limit."
    else:
        again = f"Try again in {seconds} second{'' if seconds == 1 else 's'}."
    if throttle.kind is ThrottleKind.TOKENS:
        models = f" for {throttle.models}" if throttle.models else ""
        needed = admission.hold.input_tokens + admission.hold.output_tokens
        reason, left = RefusalReason.TOKENS_RATE_LIMITED, max(0, limit - first.used)
        rest = "" if scope.is_shared else f", {left} {'is' if left == 1 else 'are'} left"
        message = (
            f"The limit of {scope.subject} is {limit} tokens per minute{models}: this call needs up to {needed}{rest}."
            f" {again}"
        )
        quota = token_quota(admission, TokensLeft(first.index, left, first.reset_us))
    else:
        reason = RefusalReason.TOO_MANY_CONCURRENT_CALLS
        used = "" if scope.is_shared else f", {first.used} {'is' if first.used == 1 else 'are'} open"
        message = f"The limit of {scope.subject} is {limit} concurrent call{'' if limit == 1 else 's'}{used}. {again}"
        quota = Quota(QuotaUnit.CONCURRENT_REQUESTS, limit, max(0, limit - first.used))
    return Refusal(
        reason,
        message,
        retry_after_s=seconds,
        quota=quota,
        never_passes=seconds is None,
        scope=throttle.scope,
    )


def token_quota(admission: Admission, left: TokensLeft) -> Quota:
    """Returns the quota that reports what is left of a token throttle."""
    return Quota(QuotaUnit.TOKENS, admission.terms.limits.throttles[left.index], left.remaining, left.reset_us)


def _wait_s(throttle: BusyThrottle) -> int | None:
    """Returns whole seconds, at least 1, because an open call may end at any moment. None if waiting never helps."""
    return None if throttle.wait_us is None else max(1, -(-throttle.wait_us // _US_PER_S))


def refuse_exhausted(admission: Admission, exhausted: tuple[ExhaustedCounter, ...]) -> Refusal:
    """Returns the refusal for exhausted limits.

    Its message names the narrowest limit, and its body lists all of them. It says what was spent only of the key and its
    member: not every holder of a key may read the figures of a group, the organization or its credit.
    """
    limits = tuple(_exhausted_limit(admission, counter) for counter in _narrowest_first(admission, exhausted))
    needed = admission.least_nano_credits
    if _fit_without_holds(limits, needed):
        return _refuse_for_now(limits, needed)
    amount = format_credits(needed)
    first = limits[0]
    if first.scope is None:
        message = f"The organization's credit does not cover this call, which needs up to {amount} credits. Ask an admin to top up."
        return Refusal(RefusalReason.CREDIT_EXHAUSTED, message, limits=limits)
    left = format_credits(max(0, first.limit_nano_credits - first.used_nano_credits - first.held_nano_credits))
    rest = "" if first.scope.is_shared else f", {left} of {format_credits(first.limit_nano_credits)} are left"
    reset = (
        ""
        if first.reset_epoch_s is None
        else f" It resets at {datetime.fromtimestamp(first.reset_epoch_s, UTC).isoformat()}."
    )
    message = (
        f"The budget of {first.subject} is exhausted: this call needs up to {amount} credits{rest}.{reset} Lower max_tokens"
        " or ask an admin."
    )
    return Refusal(RefusalReason.BUDGET_EXHAUSTED, message, limits=limits, scope=first.scope)


def _refuse_for_now(limits: tuple[ExhaustedLimit, ...], needed: int) -> Refusal:
    """Returns the refusal of a call that fits once the open calls have ended. Each gives back what it did not use."""
    first = limits[0]
    is_shown = first.scope is not None and not first.scope.is_shared
    held = f"{format_credits(first.held_nano_credits)} credits" if is_shown else "what is left"
    owner = f"the budget of {first.subject}" if first.scope else "the organization's credit"
    message = (
        f"Running calls reserve {held} of {owner}, and this call needs up to {format_credits(needed)} credits. Try again in"
        f" {_HOLD_WAIT_S} second, or lower max_tokens."
    )
    return Refusal(RefusalReason.BUDGET_IN_USE, message, limits=limits, retry_after_s=_HOLD_WAIT_S, scope=first.scope)


def _narrowest_first(admission: Admission, exhausted: tuple[ExhaustedCounter, ...]) -> list[ExhaustedCounter]:
    """Sorts by scope. The counters of budgets for some models follow all others in a hold."""
    scopes = [counter.scope for counter in admission.hold.claims.counters]

    def place(counter: ExhaustedCounter) -> tuple[int, int]:
        index = counter.index
        return (len(scopes), 0) if index is None else (scopes.index(scopes[index]), index)

    return sorted(exhausted, key=place)


def _exhausted_limit(admission: Admission, counter: ExhaustedCounter) -> ExhaustedLimit:
    if counter.index is None:
        return ExhaustedLimit(None, counter.settled_nano_credits, 0, counter.held_nano_credits, None)
    limit = admission.terms.limits.budgets[counter.index]
    return ExhaustedLimit(
        scope=admission.hold.claims.counters[counter.index].scope,
        limit_nano_credits=(0 if limit is None else limit) + counter.carried_nano_credits,
        used_nano_credits=counter.settled_nano_credits,
        held_nano_credits=counter.held_nano_credits,
        reset_epoch_s=admission.terms.limits.reset_epoch_s[counter.index],
        models=admission.hold.claims.counters[counter.index].models,
        carried_nano_credits=counter.carried_nano_credits,
        coming_nano_credits=counter.coming_nano_credits,
    )
