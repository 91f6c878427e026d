"""What an operator learns of answers that the gateway did not pass on."""

import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway_core.contract.refused_answers import ACCOUNT_REFUSALS, RefusedAnswer
from usage_service.provider_refusals import ProviderRefusals
from usage_service.provider_reports.attempts import FailedAttempt
from usage_service.settlement.rows import RecordedSettlement


def recorded(reason: object, provider: str = "openai", attempts: Sequence[FailedAttempt] = ()) -> RecordedSettlement:
    """Returns a settlement with only what is read of it."""
    facts: dict[str, Any] = {} if reason is None else {"refused_answer": reason}
    settlement = SimpleNamespace(
        report=SimpleNamespace(facts=facts),
        hold=SimpleNamespace(claims=SimpleNamespace(provider=provider)),
        failed_attempts=attempts,
    )
    return cast("RecordedSettlement", SimpleNamespace(settlement=settlement))


def test_refused_answers_are_counted_by_provider_and_reason() -> None:
    refusals = ProviderRefusals()
    refusals.note([recorded("billing"), recorded("billing"), recorded("redirect", "groq"), recorded(None)])
    assert refusals.counts == {("openai", "billing"): 2, ("groq", "redirect"): 1}


def test_a_fallback_does_not_hide_that_an_account_was_refused(caplog: pytest.LogCaptureFixture) -> None:
    refusals = ProviderRefusals()
    attempts = [FailedAttempt("azure-eu", "gpt-4o", "billing", 1), FailedAttempt("azure-us", "gpt-4o", "429", 1)]
    with caplog.at_level(logging.ERROR):
        refusals.note([recorded(None, attempts=attempts)])
    assert refusals.counts == {("azure-eu", "billing"): 1}
    assert len(caplog.records) == 1


@pytest.mark.parametrize("reason", ["", "unknown", 7, ["billing"], {"a": 1}])
def test_an_unknown_reason_is_not_counted(reason: object) -> None:
    refusals = ProviderRefusals()
    refusals.note([recorded(reason)])
    assert not refusals.counts


@pytest.mark.parametrize("reason", list(RefusedAnswer))
def test_a_refused_account_is_logged_once_a_minute(reason: RefusedAnswer, caplog: pytest.LogCaptureFixture) -> None:
    refusals = ProviderRefusals()
    with caplog.at_level(logging.ERROR):
        refusals.note([recorded(str(reason)), recorded(str(reason))])
        refusals.note([recorded(str(reason))])
    assert len(caplog.records) == (1 if reason in ACCOUNT_REFUSALS else 0)
