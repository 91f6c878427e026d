"""How every kind of call is settled."""

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model.calls.holds import HoldState
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from gateway_core.stores.postgres.storable_text import storable_text
from tests.unit.usage_service.settlement.charge_cases import (
    ANTHROPIC,
    CASES,
    HOLD,
    REPORT,
    START,
    STREAM,
    TEXT,
    Case,
    settle,
    usage_fact,
)
from usage_service.settlement.charge_decision import SettlementDetail, UsageSource


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_report_gets_its_resolution(case: Case) -> None:
    resolution = settle(case.hold, **case.report)
    assert (resolution.outcome, resolution.source, resolution.detail, resolution.charge_nano_credits) == case.expected


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({}, (HoldState.SETTLED, SettlementDetail.COMPLETED)),
        ({"facts": usage_fact()}, (HoldState.SETTLED, SettlementDetail.COMPLETED)),
        ({"http_status": 500}, (HoldState.SETTLED, SettlementDetail.PROVIDER_ERROR)),
        ({"flags": ("DC",)}, (HoldState.SETTLED, SettlementDetail.CLIENT_DISCONNECTED)),
        ({"flags": ("UF",), "upstream_host": None}, (HoldState.VOIDED, SettlementDetail.PROVIDER_UNAVAILABLE)),
    ],
)
def test_counting_tokens_costs_nothing(report: dict[str, Any], expected: tuple[HoldState, SettlementDetail]) -> None:
    resolution = settle({"endpoint": Endpoint.COUNT_MESSAGE_TOKENS}, **report)
    assert (resolution.outcome, resolution.detail) == expected
    assert (resolution.source, resolution.usage, resolution.lines) == (UsageSource.NONE, TokenUsage(), ())


@pytest.mark.parametrize("size", [0, 1, 200, 10**3, 10**9])
@pytest.mark.parametrize("flags", [(), ("DC",), ("UC",)])
@pytest.mark.parametrize("facts", [{}, {"delivered_bytes": 10**9}, {"delivered_bytes": 10**9, "deltas": 10**9}])
def test_an_estimate_of_a_limited_call_never_exceeds_its_hold(
    size: int, flags: tuple[str, ...], facts: dict[str, object]
) -> None:
    resolution = settle(facts=facts, response_bytes=size, flags=flags)
    assert resolution.charge_nano_credits <= HOLD.amount_nano_credits


def test_the_same_usage_costs_the_same_streamed_or_not() -> None:
    assert settle(facts=usage_fact()) == settle(STREAM, facts=usage_fact())


def test_message_start_counts_the_input_of_an_answer_whose_end_is_not_right() -> None:
    resolution = settle(ANTHROPIC, facts={"start_usage": START, "usage": '{"output_tokens": -1}', **TEXT})
    assert resolution.usage == TokenUsage(input=30, cache_read=5, output=20)


@pytest.mark.parametrize(
    ("text", "stored"), [("plain", "plain"), ("a\0b", "ab"), ("a\ud800b", "a?b"), ("x" * 300, "x" * 200), ("ü", "ü")]
)
def test_untrusted_text_is_made_storable(text: str, stored: str) -> None:
    assert storable_text(text) == stored


def test_facts_that_are_not_texts_are_omitted() -> None:
    report = replace(REPORT, facts={"model": 5, "response_id": "", "service_tier": "flex\0"})
    assert (report.answered_model, report.provider_response_id, report.service_tier) == (None, None, "flex")


def test_the_repr_of_a_report_omits_its_token() -> None:
    assert REPORT.token not in repr(REPORT)
