"""Refusals by throttles, and the order of refusals."""

import pytest

from gateway_core.contract.headers import quota_headers
from gateway_core.model.calls.decision import Admission
from gateway_core.model.calls.placement_refusals import refuse_placement
from gateway_core.model.calls.placements import BusyThrottle, ExhaustedCounter, Refused
from gateway_core.model.calls.refusals import RefusalReason
from gateway_core.model.limits.guardrails import Guardrail, GuardrailMode
from gateway_core.model.limits.throttles import Throttle, ThrottleKind
from tests.support.data.examples import SCOPES, admitted, principal

KEY, MEMBER, *_ = SCOPES


def throttled() -> Admission:
    """Returns a hold with limits of tokens and calls of the key, then of the member: indexes 0 to 3 in the hold's order."""
    return admitted(
        principal(
            {
                KEY: Guardrail(KEY, tokens_per_minute=1_000, concurrency_limit=2),
                MEMBER: Guardrail(MEMBER, tokens_per_minute=500, concurrency_limit=1, mode=GuardrailMode.SHADOW),
            }
        )
    )


def test_a_hold_lists_throttles_narrowest_first_and_tokens_before_calls() -> None:
    assert throttled().hold.claims.throttles == tuple(
        Throttle(kind, scope) for kind in (ThrottleKind.TOKENS, ThrottleKind.CALLS) for scope in (KEY, MEMBER)
    )
    assert throttled().terms.limits.throttles == (1_000, 500, 2, 1)
    assert throttled().terms.limits.shadows == {MEMBER}


def test_a_spent_budget_is_reported_before_a_busy_throttle() -> None:
    refused = Refused((ExhaustedCounter(None, 0, 0),), (BusyThrottle(0, 1_000, 5, 5),))
    assert refuse_placement(throttled(), refused).reason is RefusalReason.CREDIT_EXHAUSTED


def test_the_wait_is_long_enough_for_every_throttle_that_refused() -> None:
    busy = (BusyThrottle(0, 990, 2_000_001, 60_000_000), BusyThrottle(1, 490, 41_000_000, 60_000_000))
    refusal = refuse_placement(throttled(), Refused((), busy))
    assert (refusal.reason, refusal.status, refusal.retry_after_s) == (RefusalReason.TOKENS_RATE_LIMITED, 429, 41)
    assert refusal.quota is not None
    assert quota_headers(refusal.quota) == {
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "10",
        "x-ratelimit-reset-tokens": "1m0s",
    }
    assert "'key-1'" in refusal.message
    assert refusal.should_retry


@pytest.mark.parametrize("busy", [BusyThrottle(0, 0, None, 0), BusyThrottle(2, 0, None, 0)])
def test_a_refusal_that_waiting_cannot_resolve_is_not_retryable(busy: BusyThrottle) -> None:
    refusal = refuse_placement(throttled(), Refused((), (busy, BusyThrottle(3, 1, 0, 0))))
    assert (refusal.retry_after_s, refusal.should_retry) == (None, False)


def test_a_refusal_by_the_concurrency_limit_is_retryable_soon() -> None:
    refusal = refuse_placement(throttled(), Refused((), (BusyThrottle(2, 2, 0, 0),)))
    assert (refusal.reason, refusal.retry_after_s) == (RefusalReason.TOO_MANY_CONCURRENT_CALLS, 1)
    assert "2 concurrent calls" in refusal.message


def test_every_scope_of_a_call_can_be_throttled() -> None:
    rails = {scope: Guardrail(scope, tokens_per_minute=1) for scope in SCOPES}
    assert [throttle.scope for throttle in admitted(principal(rails)).hold.claims.throttles] == list(SCOPES)
