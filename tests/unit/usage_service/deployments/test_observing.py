"""What reports of calls say about deployments."""

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model.calls.holds import HoldState
from gateway_core.model.catalog.entries import Deployment
from gateway_core.model.deployments.health import Outcome
from tests.unit.usage_service.settlement.charge_cases import HOLD, REPORT
from usage_service.deployments.observing import failures_of, observation_of
from usage_service.provider_reports.attempts import FailedAttempt
from usage_service.settlement.charge_decision import CallReport, Resolution, SettlementDetail, UsageSource
from usage_service.settlement.rows import Settlement

DEPLOYMENT = Deployment(provider="acme", upstream_name="acme-1", first_byte_timeout_ms=1_000)
RESOLUTION = Resolution(HoldState.SETTLED, UsageSource.NONE, SettlementDetail.COMPLETED)


def settled(**changes: Any) -> Settlement:
    report: CallReport = replace(REPORT, **changes)
    return Settlement(HOLD, report, RESOLUTION)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.SERVED),
        ({"http_status": 400}, Outcome.SERVED),
        ({"time_to_first_byte_ms": 1_001}, Outcome.FAILED),
        ({"http_status": 500}, Outcome.FAILED),
        ({"http_status": 503, "flags": frozenset({"UF"})}, Outcome.FAILED),
        ({"http_status": 502, "flags": frozenset({"UC"})}, Outcome.FAILED),
        ({"http_status": 504, "flags": frozenset({"UT"})}, Outcome.FAILED),
        ({"http_status": 429, "facts": {"refused_answer": "rate_limit"}}, Outcome.LIMITED),
        ({"http_status": 502, "facts": {"refused_answer": "credential"}}, Outcome.REFUSED),
        ({"http_status": 502, "facts": {"refused_answer": "unreadable"}}, Outcome.FAILED),
        ({"flags": frozenset({"DC"})}, Outcome.SERVED),
    ],
)
def test_outcomes(changes: dict[str, Any], outcome: Outcome) -> None:
    observed = observation_of(settled(**changes), DEPLOYMENT)
    assert observed is not None
    assert observed.outcome is outcome


@pytest.mark.parametrize(
    "changes",
    [
        {"http_status": 0, "flags": frozenset({"DC"}), "time_to_first_byte_ms": None},
        {"http_status": 429, "upstream_host": None, "flags": frozenset({"RL"})},
        {"http_status": 503, "flags": frozenset({"UO"})},
    ],
    ids=["caller left", "refused by a limit", "too many calls of the gateway"],
)
def test_a_call_that_says_nothing_is_not_noted(changes: dict[str, Any]) -> None:
    assert observation_of(settled(**changes), DEPLOYMENT) is None


@pytest.mark.parametrize(
    ("happened", "outcome"), [("429", Outcome.LIMITED), ("billing", Outcome.REFUSED), ("broken", Outcome.FAILED)]
)
def test_outcomes_of_attempts_before(happened: str, outcome: Outcome) -> None:
    tried = replace(settled(), failed_attempts=(FailedAttempt("acme", "acme-1", happened),))
    [observed] = failures_of(tried)
    assert (observed.place, observed.outcome) == ("acme/acme-1", outcome)


@pytest.mark.parametrize("changes", [{}, {"http_status": 401}, {"http_status": 500}, {"http_status": 429}])
def test_a_call_with_an_own_key_says_nothing(changes: dict[str, Any]) -> None:
    """One organization's bad key closes a deployment to no one, and its good key opens none."""
    assert observation_of(settled(**changes), DEPLOYMENT) is not None
    claims = replace(HOLD.claims, own_key=True)
    own = replace(settled(**changes), hold=replace(HOLD, claims=claims))
    assert observation_of(own, DEPLOYMENT) is None


def test_an_attempt_before_with_an_own_key_says_nothing() -> None:
    attempts = (
        FailedAttempt("acme", "acme-1", "billing", own_key=True),
        FailedAttempt("other", "one", "billing"),
    )
    assert [one.place for one in failures_of(replace(settled(), failed_attempts=attempts))] == ["other/one"]
    assert [one.refusal is None for one in attempts] == [True, False]


@pytest.mark.parametrize(("value", "expected_ms"), [(7, 7_000), ("7", 0), (-1, 0), (10**9, 0), (True, 0)])
def test_only_a_plausible_retry_after_counts(value: object, expected_ms: int) -> None:
    facts = {"refused_answer": "rate_limit", "retry_after": value}
    observed = observation_of(settled(http_status=429, facts=facts), DEPLOYMENT)
    assert observed is not None
    assert observed.retry_after_ms == expected_ms
