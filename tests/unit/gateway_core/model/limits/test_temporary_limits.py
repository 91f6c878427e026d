"""A temporary limit replaces a guardrail's own until its end, and ends by the clock of the decision."""

import dataclasses

import pytest

from authz_service.request.terms import TermsMemory
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.limits.temporary_limits import TemporaryLimit, temporary_limit_of
from tests.support.data.examples import NOW_EPOCH_US, PRICES, SCOPES, parameters, principal

KEY, MEMBER, *_ = SCOPES
NOW_S = NOW_EPOCH_US / 10**6
END_US = NOW_EPOCH_US + 90 * 10**6
OWN = Guardrail(MEMBER, budget_nano_credits=10, requests_per_minute=5, concurrency_limit=7)
RAISED = dataclasses.replace(OWN, temporary=TemporaryLimit(END_US, budget_nano_credits=99, tokens_per_minute=3))


def test_it_replaces_the_limits_that_it_names_until_the_instant_of_its_end() -> None:
    during, after = RAISED.at(END_US / 10**6 - 0.001), RAISED.at(END_US / 10**6)
    assert (during.budget_nano_credits, during.tokens_per_minute) == (99, 3)
    assert (during.requests_per_minute, during.concurrency_limit) == (5, 7)
    assert after == OWN


def test_it_is_stored_and_read_unchanged() -> None:
    limit = TemporaryLimit(END_US, budget_nano_credits=2**62, concurrency_limit=0)
    assert temporary_limit_of(limit.stored()) == limit


@pytest.mark.parametrize(("after_s", "budget"), [(0.0, 99), (89.999, 99), (90.0, 10), (10_000.0, 10)])
def test_cached_terms_do_not_outlive_it(after_s: float, budget: int) -> None:
    """Seen to fail when the validity of terms ignores the end: the raise stayed in force until midnight."""
    who, memory = principal({MEMBER: RAISED}), TermsMemory(PeriodClock(), b"k" * 32)

    def budget_at(instant_s: float) -> int | None:
        terms = memory.terms_of(b"h", who, Endpoint.CHAT_COMPLETIONS, parameters(), PRICES, instant_s)
        assert not isinstance(terms, Refusal)
        return terms.terms.limits.budgets[1]

    assert budget_at(NOW_S) == 99
    assert budget_at(NOW_S + after_s) == budget
