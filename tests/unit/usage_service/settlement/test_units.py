"""Calls that cost seconds or characters, and what is estimated of sound and pictures."""

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model.calls.holds import HoldState
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from tests.support.data.example_hold import with_changes
from tests.unit.usage_service.settlement.charge_cases import HOLD, MODEL, REPORT
from usage_service.provider_reports.findings import FindingKind
from usage_service.settlement.charge_decision import (
    ExpiredHoldPolicy,
    Resolution,
    SettlementDetail,
    UsageSource,
    expire,
    resolve,
)
from usage_service.settlement.report_pricing import Terms

SCHEDULE = PriceSchedule.model_validate(
    {
        "version": 1,
        "effective_date": "2026-01-01",
        "prices": {"input": 0, "input_audio": 0, "output": 0, "output_audio": 0},
        "fees": {"audio_second": 100, "character": 10},
    }
)
TOKENS = PriceSchedule.model_validate(
    {
        "version": 1,
        "effective_date": "2026-01-01",
        "prices": {
            "input": 10**6,
            "input_audio": 2 * 10**6,
            "output": 10**7,
            "output_audio": 3 * 10**7,
            "output_image": 4 * 10**7,
        },
    }
)


def settle(endpoint: Endpoint, schedule: PriceSchedule = SCHEDULE, **report: Any) -> Resolution:
    report["flags"] = frozenset(report.get("flags", ()))
    terms = Terms(with_changes(HOLD, endpoint=endpoint), MODEL, schedule)
    return resolve(terms, replace(REPORT, **{"request_bytes": 8_000, **report}))


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        ({"usage": '{"type":"duration","seconds":9}'}, 9),
        ({"usage": '{"type":"duration","seconds":8.2}'}, 9),
        ({"usage": '{"type":"duration","seconds":9}', "duration": 8.47}, 9),
        ({"duration": 8.47, "delivered_bytes": 5}, 9),
        ({"duration": "8.47"}, 9),
        ({"duration": 9}, 9),
    ],
)
def test_seconds_are_rounded_up(facts: dict[str, object], seconds: int) -> None:
    resolution = settle(Endpoint.TRANSCRIPTIONS, facts=facts)
    assert resolution.usage == TokenUsage(uses=(("audio_second", seconds),))
    assert resolution.charge_nano_credits == seconds * 100
    assert (resolution.source, resolution.detail) == (UsageSource.PROVIDER, SettlementDetail.COMPLETED)
    assert resolution.finding is None


@pytest.mark.parametrize("value", [-1, "nine", True, 1e300, [9]])
def test_a_length_that_is_none_is_found_and_the_usual_one_charged(value: object) -> None:
    resolution = settle(Endpoint.TRANSCRIPTIONS, facts={"duration": value, "delivered_bytes": 5})
    assert (resolution.source, resolution.charge_nano_credits) == (UsageSource.ESTIMATED, 100 * 100)
    assert resolution.finding is not None
    assert FindingKind.UNREADABLE_COUNT in resolution.finding.kinds


def test_tokens_do_not_replace_seconds() -> None:
    facts = {"usage": '{"type":"tokens","input_tokens":5,"output_tokens":5,"total_tokens":10}', "delivered_bytes": 5}
    resolution = settle(Endpoint.TRANSCRIPTIONS, facts=facts)
    assert (resolution.source, resolution.charge_nano_credits) == (UsageSource.ESTIMATED, 100 * 100)


def test_a_recording_longer_than_its_bytes_is_charged_and_found() -> None:
    resolution = settle(Endpoint.TRANSCRIPTIONS, facts={"duration": 12})
    assert resolution.charge_nano_credits == 1_200
    assert resolution.finding is not None
    assert list(resolution.finding.kinds) == [FindingKind.IMPLAUSIBLE_SIZE]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({}, (UsageSource.ESTIMATED, SettlementDetail.COMPLETED, 1_000)),
        ({"flags": ("DC",)}, (UsageSource.ESTIMATED, SettlementDetail.CLIENT_DISCONNECTED, 1_000)),
        (
            {"flags": ("DC",), "http_status": 0, "details": "x"},
            (UsageSource.ESTIMATED, SettlementDetail.CLIENT_DISCONNECTED, 1_000),
        ),
        ({"http_status": 500}, (UsageSource.NONE, SettlementDetail.PROVIDER_ERROR, 0)),
        ({"response_bytes": 0}, (UsageSource.NONE, SettlementDetail.PROVIDER_ERROR, 0)),
        ({"facts": {"foreign_body": True}}, (UsageSource.NONE, SettlementDetail.PROVIDER_ERROR, 0)),
        ({"facts": {"error.type": "server_error"}}, (UsageSource.NONE, SettlementDetail.PROVIDER_ERROR, 0)),
    ],
)
def test_characters_are_those_of_the_hold(
    report: dict[str, Any], expected: tuple[UsageSource, SettlementDetail, int]
) -> None:
    resolution = settle(Endpoint.SPEECH, **report)
    assert (resolution.source, resolution.detail, resolution.charge_nano_credits) == expected


@pytest.mark.parametrize(
    ("endpoint", "charge"),
    [
        (Endpoint.TRANSCRIPTIONS, 100 * 2 + 5 * 10),
        (Endpoint.TRANSLATIONS, 100 * 2 + 5 * 10),
        (Endpoint.SPEECH, 100 + 50 * 30),
        (Endpoint.IMAGE_EDITS, 100 + 50 * 40),
    ],
)
def test_without_a_report_the_input_is_what_the_operation_takes(endpoint: Endpoint, charge: int) -> None:
    resolution = settle(endpoint, TOKENS, facts={"delivered_bytes": 20, "response_id": "r"})
    assert (resolution.source, resolution.charge_nano_credits) == (UsageSource.ESTIMATED, charge)


@pytest.mark.parametrize(("policy", "charge"), [(ExpiredHoldPolicy.CHARGE_INPUT, 600), (ExpiredHoldPolicy.RELEASE, 0)])
def test_a_hold_that_expires_charges_its_units_at_most_up_to_its_amount(policy: ExpiredHoldPolicy, charge: int) -> None:
    resolution = expire(with_changes(HOLD, endpoint=Endpoint.SPEECH), policy, SCHEDULE)
    assert (resolution.outcome, resolution.charge_nano_credits) == (HoldState.EXPIRED, charge)
