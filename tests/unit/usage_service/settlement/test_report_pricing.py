"""Which prices a call gets, and what is found about its report."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model.catalog.answered_models import AnsweredModels
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from tests.support.data.example_hold import with_changes
from tests.support.data.examples import provider
from tests.unit.usage_service.settlement.charge_cases import (
    ANTHROPIC,
    HOLD,
    INPUT,
    MODEL,
    REPORT,
    SCHEDULE,
    settle,
    usage_fact,
)
from usage_service.settlement.charge_decision import Resolution, resolve
from usage_service.settlement.report_pricing import Terms


def kinds(resolution: Resolution) -> set[str]:
    return set(resolution.finding.kinds) if resolution.finding else set()


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (usage_fact(), set()),
        (usage_fact(total_tokens=1), {"contradictory_counts"}),
        (usage_fact(total_tokens=61), {"unnamed_output"}),
        (usage_fact(-1), {"unreadable_count"}),
        ({"usage": "5"}, {"unreadable_report"}),
        (usage_fact(110_001), {"implausible_size"}),
        (usage_fact(10**9, total_tokens=1), {"contradictory_counts", "implausible_size"}),
        ({**usage_fact(), "service_tier": "priority"}, {"unpriced"}),
        ({**usage_fact(), "tool_items": '{"web_search_call": 1}'}, {"unpriced"}),
        ({**usage_fact(), "model": "acme-1-2026-01-01"}, set()),
        ({**usage_fact(), "model": "acme-9"}, {"unknown_model"}),
    ],
)
def test_what_is_not_right_is_found(facts: dict[str, object], expected: set[str]) -> None:
    assert kinds(settle(facts=facts)) == expected


def test_thoughts_that_only_the_total_contains_are_usual_for_models_of_google() -> None:
    terms = Terms(HOLD, MODEL.model_copy(update={"endpoints": (Endpoint.GENERATE_CONTENT,)}), SCHEDULE)
    resolution = resolve(terms, replace(REPORT, facts=usage_fact(total_tokens=100)))
    assert (resolution.charge_nano_credits, resolution.finding) == (640, None)


def test_a_finding_names_what_has_no_price() -> None:
    resolution = settle(facts={**usage_fact(), "service_tier": "Priority", "tool_items": '{"web_search_call": 1}'})
    assert resolution.finding is not None
    assert resolution.finding.reason.endswith(": fee:web_search, tier:priority")


def priced(name: str, nano_credits_per_token: int, **others: Any) -> Model:
    return MODEL.model_copy(
        update={
            "name": name,
            "upstream_name": name,
            "schedules": (
                PriceSchedule.model_validate(
                    {
                        "version": 7,
                        "effective_date": "1970-01-01",
                        "prices": {"input": 10**6 * nano_credits_per_token, "output": 10**6 * nano_credits_per_token},
                        **others,
                    }
                ),
            ),
        }
    )


OTHERS = AnsweredModels((MODEL, priced("acme-large", 100)))


def test_a_call_costs_what_the_model_that_answered_costs() -> None:
    resolution = resolve(
        Terms(HOLD, MODEL, SCHEDULE, OTHERS), replace(REPORT, facts={**usage_fact(), "model": "acme-large-2026-01-01"})
    )
    assert (resolution.charge_nano_credits, resolution.finding) == (6_000, None)


def test_an_iteration_costs_what_its_own_model_costs() -> None:
    iterations = [
        {"type": "message", "input_tokens": 40, "output_tokens": 20},
        {"type": "advisor_message", "model": "acme-large", "input_tokens": 3, "output_tokens": 2},
        {"type": "advisor_message", "model": "acme-9", "input_tokens": 1, "output_tokens": 0},
    ]
    usage = {"input_tokens": 40, "output_tokens": 20, "iterations": iterations}
    hold = with_changes(HOLD, **ANTHROPIC)
    resolution = resolve(Terms(hold, MODEL, SCHEDULE, OTHERS), replace(REPORT, facts={"usage": json.dumps(usage)}))
    assert resolution.charge_nano_credits == 240 + 500 + 1
    assert resolution.usage == TokenUsage(input=44, output=22)
    assert kinds(resolution) == {"unknown_model"}


def test_a_call_costs_what_the_service_that_was_used_costs() -> None:
    schedule = PriceSchedule.model_validate(
        {**SCHEDULE.model_dump(), "multipliers": [{"when": {"tier": "priority"}, "numerator": 2}]}
    )
    facts = {**usage_fact(), "service_tier": "priority"}
    resolution = resolve(Terms(HOLD, MODEL, schedule), replace(REPORT, facts=facts))
    assert (resolution.charge_nano_credits, resolution.service.tier, resolution.finding) == (480, "priority", None)


def test_uses_of_tools_are_charged_even_if_the_caller_left() -> None:
    schedule = PriceSchedule.model_validate({**SCHEDULE.model_dump(), "fees": {"web_search": 1_000}})
    report = replace(REPORT, facts={"tool_items": '{"web_search_call": 2}'}, flags=frozenset({"DC"}), response_bytes=0)
    hold = with_changes(HOLD, endpoint=Endpoint.RESPONSES)
    assert resolve(Terms(hold, MODEL, schedule), report).charge_nano_credits == INPUT + 2_000


def with_fees(**fees: int) -> PriceSchedule:
    return PriceSchedule.model_validate({**SCHEDULE.model_dump(), "fees": fees})


@pytest.mark.parametrize("fee", ["grounding", "grounding_query"])
@pytest.mark.parametrize(("charge", "is_once"), [(3_000, False), (1_000, True)])
def test_grounding_costs_its_fee_for_each_query_or_once(fee: str, charge: int, *, is_once: bool) -> None:
    """Seen to fail while a fee named `grounding` was charged once, whatever the catalog said."""
    schedule = with_fees(**{fee: 1_000}).model_copy(update={"fees_once_per_call": (fee,) if is_once else ()})
    hold = with_changes(HOLD, endpoint=Endpoint.GENERATE_CONTENT)
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 0}
    facts = {"usage_metadata": json.dumps(usage), "grounding_queries": 3, "grounded": True}
    resolution = resolve(Terms(hold, MODEL, schedule), replace(REPORT, facts=facts))
    assert (resolution.charge_nano_credits, kinds(resolution)) == (1 + charge, set())


def test_a_tool_that_costs_only_tokens_is_not_charged_or_flagged() -> None:
    tools = {"web_fetch": (), "code_execution": ("code_interpreter",)}
    usage = {
        "input_tokens": 1,
        "output_tokens": 0,
        "server_tool_use": {"web_fetch_requests": 3, "code_execution_requests": 2},
    }
    acme = Provider.model_validate({**provider("acme", stream_options=True), "hosted_tools": {"anthropic": tools}})
    terms = Terms(with_changes(HOLD, **ANTHROPIC), MODEL, with_fees(code_interpreter=100), provider=acme)
    resolution = resolve(terms, replace(REPORT, facts={"usage": json.dumps(usage)}))
    assert (resolution.charge_nano_credits, resolution.usage.uses) == (201, (("code_interpreter", 2),))
    assert kinds(resolution) == set()
