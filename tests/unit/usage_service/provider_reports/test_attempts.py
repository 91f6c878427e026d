"""What is recorded of attempts that failed."""

from dataclasses import replace

import pytest

from gateway_core.contract.refused_answers import RefusedAnswer
from gateway_core.model.calls.holds import Rung
from tests.unit.usage_service.settlement.charge_cases import HOLD
from usage_service.provider_reports.attempts import failed_attempts_of

RUNGS = tuple(Rung(provider, "m", version) for version, provider in enumerate(("a", "b", "c"), start=1))
TRIED = replace(HOLD, claims=replace(HOLD.claims, rungs=RUNGS))


@pytest.mark.parametrize(
    ("attempts", "notes", "expected"),
    [
        (1, "200", []),
        (2, "429/12 200", ["a/m=429"]),
        (2, "429!billing/12 200", ["a/m=billing"]),
        (2, "429!rate_limit 200", ["a/m=429"]),
        (3, "500 - 200", ["a/m=500", "b/m=broken"]),
        (3, None, ["a/m=broken", "b/m=broken"]),
        (2, "50 200", ["a/m=broken"]),
        (9, "500 500 500", ["a/m=500", "b/m=500"]),
    ],
)
def test_failed_attempts(attempts: int, notes: str | None, expected: list[str]) -> None:
    failed = failed_attempts_of(RUNGS, attempts, notes)
    assert [str(one) for one in failed] == expected


def test_the_wait_that_a_provider_asks_for_is_kept() -> None:
    [failed] = failed_attempts_of(RUNGS, 2, "429/12 200")
    assert failed.retry_after_s == 12


def test_an_attempt_says_whether_the_account_was_refused() -> None:
    refused, limited = failed_attempts_of(RUNGS, 3, "429!billing/12 429/12 200")
    assert (refused.refusal, refused.retry_after_s) == (RefusedAnswer.BILLING, 12)
    assert limited.refusal is None


@pytest.mark.parametrize(("attempt", "provider", "version"), [(0, "acme", 1), (1, "acme", 1), (2, "b", 2), (9, "c", 3)])
def test_the_claims_of_an_attempt_are_those_of_its_deployment(attempt: int, provider: str, version: int) -> None:
    claims = TRIED.claims.of_attempt(attempt)
    assert (claims.provider, claims.price_version) == (provider, version)
