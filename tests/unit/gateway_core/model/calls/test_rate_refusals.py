"""Refusals of a call by its limits of requests."""

from gateway_core.contract.errors import retry_headers
from gateway_core.model.calls.rate_refusals import refuse_rates
from gateway_core.model.calls.refusals import RefusalReason
from gateway_core.model.limits.rate_limits import CounterState, Demand, RateCounter, RateUnit, RuleCounter
from gateway_core.model.organization.scopes import Scope, ScopeKind

KEY, MEMBER = Scope(ScopeKind.API_KEY, "key-1"), Scope(ScopeKind.MEMBER, "mia")


def state(scope: Scope, *, fits: bool, wait_us: int | None = 0, shadow: bool = False) -> CounterState:
    demand = Demand(RateCounter("acme", scope, RateUnit.MINUTE), 2, 1, shadow=shadow)
    return CounterState(demand, fits, 0, wait_us, 60_000_000)


def test_a_call_within_every_enforced_limit_is_not_refused() -> None:
    assert refuse_rates([]) is None
    assert refuse_rates([state(KEY, fits=True), state(MEMBER, fits=False, shadow=True)]) is None


def test_the_refusal_names_the_scope_with_the_longest_wait() -> None:
    refusal = refuse_rates([state(KEY, fits=False, wait_us=1), state(MEMBER, fits=False, wait_us=30_000_001)])
    assert refusal is not None
    assert (refusal.reason, refusal.scope, refusal.retry_after_s) == (RefusalReason.RATE_LIMITED, MEMBER, 31)
    assert retry_headers(refusal) == {"retry-after": "31"}


def test_a_limit_that_waiting_cannot_satisfy_is_not_retryable() -> None:
    refusal = refuse_rates([state(KEY, fits=False, wait_us=None)])
    assert refusal is not None
    assert retry_headers(refusal) == {"x-should-retry": "false"}


def test_a_wait_that_sdks_would_ignore_is_not_retried_by_them() -> None:
    for wait_s, expected in (
        (60, {"retry-after": "60"}),
        (61, {"retry-after": "61", "x-should-retry": "false"}),
    ):
        refusal = refuse_rates([state(KEY, fits=False, wait_us=wait_s * 1_000_000)])
        assert refusal is not None
        assert retry_headers(refusal) == expected


def test_a_rule_of_another_domain_belongs_to_no_scope() -> None:
    demand = Demand(RuleCounter("other", (("path", "/"),), RateUnit.MINUTE), 0, 1)
    refusal = refuse_rates([CounterState(demand, fits=False, remaining=0, wait_us=None, reset_us=0)])
    assert refusal is not None
    assert refusal.scope is None
