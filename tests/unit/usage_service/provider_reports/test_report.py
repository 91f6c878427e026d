"""The usage report of each provider in both forms, and the resulting record."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model.catalog.service import Service
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from tests.unit.usage_service.provider_reports.reports import Document, answered, streamed
from usage_service.provider_reports.counts import MAX_COUNT
from usage_service.provider_reports.reading import Flag, Reading
from usage_service.provider_reports.report import delivered_tokens, read_report


def reading_of(endpoint: Endpoint, report: Mapping[str, object]) -> Reading:
    return read_report(endpoint, report).reading


def usage_of_report(endpoint: Endpoint, report: Mapping[str, object]) -> TokenUsage:
    """Returns the usage of a report that is in order and counts everything."""
    reading = reading_of(endpoint, report)
    assert reading.input_counted
    assert reading.output_counted
    assert not reading.flags
    return reading.usage


OPENAI = (Endpoint.CHAT_COMPLETIONS, Endpoint.COMPLETIONS)

CHAT = {
    "prompt_tokens": 1_000,
    "completion_tokens": 500,
    "total_tokens": 1_500,
    "prompt_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 200, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 400, "audio_tokens": 0, "rejected_prediction_tokens": 7},
}
CHAT_USAGE = TokenUsage(input=500, cache_read=300, cache_write_5m=200, output=100, output_reasoning=400)


@pytest.mark.parametrize("endpoint", OPENAI)
def test_openai_includes_cache_in_input_and_reasoning_in_output(endpoint: Endpoint) -> None:
    assert usage_of_report(endpoint, streamed(usage=CHAT)) == CHAT_USAGE
    assert usage_of_report(endpoint, answered("usage", CHAT)) == CHAT_USAGE


def test_responses_reports_usage_in_the_last_event_or_at_the_top_level() -> None:
    document = {
        "input_tokens": 1_000,
        "input_tokens_details": {
            "cached_tokens": 300,
            "cache_write_tokens": 200,
            "cache_write_tokens_details": {"ttl_30m_tokens": 200},
        },
        "output_tokens": 500,
        "output_tokens_details": {"reasoning_tokens": 400},
        "total_tokens": 1_500,
    }
    assert usage_of_report(Endpoint.RESPONSES, streamed(response_usage=document)) == CHAT_USAGE
    assert usage_of_report(Endpoint.RESPONSES, answered("usage", document)) == CHAT_USAGE


def test_embeddings_have_no_output() -> None:
    document = {"prompt_tokens": 8, "total_tokens": 8}
    assert usage_of_report(Endpoint.EMBEDDINGS, answered("usage", document)) == TokenUsage(input=8)
    assert usage_of_report(Endpoint.EMBEDDINGS, answered("usage", {"prompt_tokens": 8})) == TokenUsage(input=8)


ANTHROPIC = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 70,
    "cache_read_input_tokens": 50,
    "cache_creation": {"ephemeral_5m_input_tokens": 40, "ephemeral_1h_input_tokens": 30},
    "output_tokens": 90,
    "output_tokens_details": {"thinking_tokens": 60},
    "server_tool_use": {"web_search_requests": 2},
    "service_tier": "standard",
}
ANTHROPIC_USAGE = TokenUsage(
    input=100,
    cache_read=50,
    cache_write_5m=40,
    cache_write_1h=30,
    output=30,
    output_reasoning=60,
    uses=(("web_search", 2),),
)


ANTHROPIC_USAGE_OF_START = replace(ANTHROPIC_USAGE, output=90, output_reasoning=0)


def test_anthropic_counts_cache_separately_from_input() -> None:
    assert usage_of_report(Endpoint.MESSAGES, answered("usage", ANTHROPIC)) == ANTHROPIC_USAGE
    assert ANTHROPIC_USAGE.total_input == 220


def test_an_anthropic_stream_reports_input_first_and_output_last() -> None:
    start = {**ANTHROPIC, "output_tokens": 1, "output_tokens_details": None}
    delta = {"output_tokens": 90, "output_tokens_details": {"thinking_tokens": 60}}
    assert usage_of_report(Endpoint.MESSAGES, streamed(start_usage=start, usage=delta)) == ANTHROPIC_USAGE


def test_counts_repeated_in_the_last_delta_are_not_added() -> None:
    start = {"input_tokens": 100, "cache_read_input_tokens": 50, "output_tokens": 1}
    delta = {"input_tokens": 120, "cache_read_input_tokens": None, "output_tokens": 90}
    usage = usage_of_report(Endpoint.MESSAGES, streamed(start_usage=start, usage=delta))
    assert usage == TokenUsage(input=120, cache_read=50, output=90)


def test_cache_writes_reported_only_by_lifetime_are_charged() -> None:
    document = {key: value for key, value in ANTHROPIC.items() if key != "cache_creation_input_tokens"}
    assert usage_of_report(Endpoint.MESSAGES, answered("usage", document)) == ANTHROPIC_USAGE


def test_cache_writes_without_a_lifetime_have_the_short_one() -> None:
    document = {"input_tokens": 1, "cache_creation_input_tokens": 9, "output_tokens": 2}
    expected = TokenUsage(input=1, cache_write_5m=9, output=2)
    assert usage_of_report(Endpoint.MESSAGES, answered("usage", document)) == expected


GEMINI = {
    "promptTokenCount": 1_000,
    "cachedContentTokenCount": 300,
    "candidatesTokenCount": 100,
    "thoughtsTokenCount": 400,
    "toolUsePromptTokenCount": 20,
    "totalTokenCount": 1_520,
}
GEMINI_USAGE = TokenUsage(input=720, cache_read=300, output=100, output_reasoning=400)


def test_gemini_counts_thoughts_and_tool_use_separately() -> None:
    details = {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1_000}], "trafficType": "ON_DEMAND"}
    report = streamed(usage_metadata={**GEMINI, **details})
    assert usage_of_report(Endpoint.GENERATE_CONTENT, report) == GEMINI_USAGE
    assert usage_of_report(Endpoint.GENERATE_CONTENT, answered("usageMetadata", GEMINI)) == GEMINI_USAGE


def test_gemini_omits_zero_counts() -> None:
    document = {"promptTokenCount": 9, "totalTokenCount": 9}
    assert usage_of_report(Endpoint.GENERATE_CONTENT, answered("usageMetadata", document)) == TokenUsage(input=9)


@pytest.mark.parametrize("left_out", [0, 20, 400, 420])
def test_a_gemini_total_may_omit_separate_counts(left_out: int) -> None:
    report = streamed(usage_metadata={**GEMINI, "totalTokenCount": 1_520 - left_out})
    assert usage_of_report(Endpoint.GENERATE_CONTENT, report) == GEMINI_USAGE


def test_the_total_shows_whether_reasoning_is_separate_from_output() -> None:
    separate = {
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "total_tokens": 45,
        "completion_tokens_details": {"reasoning_tokens": 15},
    }
    inside = {**separate, "total_tokens": 30}
    assert usage_of_report(Endpoint.CHAT_COMPLETIONS, streamed(usage=separate)) == TokenUsage(
        input=10, output=20, output_reasoning=15
    )
    assert usage_of_report(Endpoint.CHAT_COMPLETIONS, streamed(usage=inside)) == TokenUsage(
        input=10, output=5, output_reasoning=15
    )


@pytest.mark.parametrize(
    ("endpoint", "report"),
    [
        (Endpoint.CHAT_COMPLETIONS, {}),
        (Endpoint.CHAT_COMPLETIONS, {"model": "gpt-5", "response_id": "r"}),
        (Endpoint.CHAT_COMPLETIONS, {"usage": None}),
        (Endpoint.CHAT_COMPLETIONS, {"usage": "{}"}),
        (Endpoint.CHAT_COMPLETIONS, {"usage": '{"prompt_tokens": null, "completion_tokens": null}'}),
        (Endpoint.CHAT_COMPLETIONS, {"usage_metadata": json.dumps(GEMINI)}),
        (Endpoint.RESPONSES, {"response_error": '{"code": "server_error"}'}),
        (Endpoint.MESSAGES, {"usage": '{"output_tokens": null}'}),
        (Endpoint.GENERATE_CONTENT, {}),
    ],
)
def test_a_missing_report_counts_nothing(endpoint: Endpoint, report: dict[str, object]) -> None:
    assert reading_of(endpoint, report).is_empty


@pytest.mark.parametrize(
    ("endpoint", "report", "usage", "counted"),
    [
        (Endpoint.CHAT_COMPLETIONS, {"usage": '{"prompt_tokens": 5}'}, TokenUsage(input=5), "input"),
        (Endpoint.CHAT_COMPLETIONS, {"usage": '{"completion_tokens": 5}'}, TokenUsage(output=5), "output"),
        (Endpoint.RESPONSES, {"response_usage": '{"input_tokens": 5}'}, TokenUsage(input=5), "input"),
        (Endpoint.MESSAGES, {"usage": '{"output_tokens": 5}'}, TokenUsage(output=5), "output"),
        (Endpoint.MESSAGES, {"usage.input_tokens": 5}, TokenUsage(input=5), "input"),
        (
            Endpoint.MESSAGES,
            {"start_usage": json.dumps(ANTHROPIC), "usage": '{"output_tokens": null}'},
            ANTHROPIC_USAGE_OF_START,
            "input",
        ),
    ],
)
def test_what_a_report_does_not_count_is_not_zero(
    endpoint: Endpoint, report: dict[str, object], usage: TokenUsage, counted: str
) -> None:
    reading = reading_of(endpoint, report)
    assert (reading.usage, reading.input_counted, reading.output_counted) == (
        usage,
        counted == "input",
        counted == "output",
    )


@pytest.mark.parametrize(
    ("endpoint", "report"),
    [
        (Endpoint.CHAT_COMPLETIONS, {"usage.total_tokens": 9.0}),
        (Endpoint.EMBEDDINGS, {"usage": '{"total_tokens": 9}'}),
        (Endpoint.GENERATE_CONTENT, {"usage_metadata": '{"totalTokenCount": 9}'}),
    ],
)
def test_a_report_may_name_only_the_total(endpoint: Endpoint, report: dict[str, object]) -> None:
    reading = reading_of(endpoint, report)
    assert (reading.total or reading.usage.total_input, reading.is_empty) == (9, False)


@pytest.mark.parametrize(
    ("endpoint", "prefix", "document"),
    [
        (Endpoint.CHAT_COMPLETIONS, "usage", {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
        (Endpoint.RESPONSES, "usage", {"input_tokens": 0, "output_tokens": 0}),
        (Endpoint.MESSAGES, "usage", {"input_tokens": 0, "output_tokens": 0}),
        (Endpoint.GENERATE_CONTENT, "usageMetadata", {"promptTokenCount": 0, "candidatesTokenCount": 0}),
    ],
)
def test_zeros_are_counts_only_if_no_text_was_delivered(endpoint: Endpoint, prefix: str, document: Document) -> None:
    report = answered(prefix, document)
    assert usage_of_report(endpoint, report) == TokenUsage()
    assert reading_of(endpoint, {**report, "delivered_bytes": 1}).is_empty


def test_output_of_zero_beside_delivered_text_is_not_counted() -> None:
    report = {**streamed(usage={"prompt_tokens": 12, "completion_tokens": 0}), "delivered_bytes": 20}
    reading = reading_of(Endpoint.CHAT_COMPLETIONS, report)
    assert (reading.usage, reading.input_counted, reading.output_counted) == (TokenUsage(input=12), True, False)


COUNTS = [
    (Endpoint.CHAT_COMPLETIONS, "usage", CHAT, ("prompt_tokens",)),
    (Endpoint.CHAT_COMPLETIONS, "usage", CHAT, ("completion_tokens",)),
    (Endpoint.CHAT_COMPLETIONS, "usage", CHAT, ("total_tokens",)),
    (Endpoint.CHAT_COMPLETIONS, "usage", CHAT, ("prompt_tokens_details", "cached_tokens")),
    (Endpoint.CHAT_COMPLETIONS, "usage", CHAT, ("prompt_tokens_details", "cache_write_tokens")),
    (Endpoint.CHAT_COMPLETIONS, "usage", CHAT, ("completion_tokens_details", "reasoning_tokens")),
    (Endpoint.MESSAGES, "usage", ANTHROPIC, ("input_tokens",)),
    (Endpoint.MESSAGES, "usage", ANTHROPIC, ("output_tokens",)),
    (Endpoint.MESSAGES, "usage", ANTHROPIC, ("cache_read_input_tokens",)),
    (Endpoint.MESSAGES, "usage", ANTHROPIC, ("cache_creation_input_tokens",)),
    (Endpoint.MESSAGES, "usage", ANTHROPIC, ("cache_creation", "ephemeral_1h_input_tokens")),
    (Endpoint.MESSAGES, "usage", ANTHROPIC, ("output_tokens_details", "thinking_tokens")),
    *(
        (Endpoint.GENERATE_CONTENT, "usageMetadata", GEMINI, (field,))
        for field in GEMINI
    ),
]  # fmt: skip
STREAM_KEY = {"usage": "usage", "usageMetadata": "usage_metadata"}


def replaced(document: Document, path: tuple[str, ...], value: object) -> dict[str, object]:
    head, *rest = path
    if not rest:
        return {**document, head: value}
    inner = document[head]
    assert isinstance(inner, dict)
    return {**document, head: replaced(inner, tuple(rest), value)}


@pytest.mark.parametrize(
    "value", [-1, "-1", "1e-", "many", True, MAX_COUNT + 1, 2**64, float("nan"), float("inf"), [1]]
)
@pytest.mark.parametrize(("endpoint", "prefix", "document", "path"), COUNTS)
def test_a_value_that_is_no_count_is_set_aside_and_flagged(
    endpoint: Endpoint, prefix: str, document: Document, path: tuple[str, ...], value: object
) -> None:
    bad, without = (replaced(document, path, with_value) for with_value in (value, None))
    for report in (streamed(**{STREAM_KEY[prefix]: bad}), answered(prefix, bad)):
        reading = reading_of(endpoint, report)
        assert Flag.UNREADABLE_COUNT in reading.flags
        assert reading.usage == reading_of(endpoint, streamed(**{STREAM_KEY[prefix]: without})).usage


@pytest.mark.parametrize("form", [float, str, lambda count: f"{count}.0", lambda count: f" {count} "])
@pytest.mark.parametrize(("endpoint", "prefix", "document", "path"), COUNTS)
def test_a_whole_number_in_another_form_is_a_count(
    endpoint: Endpoint, prefix: str, document: Document, path: tuple[str, ...], form: Any
) -> None:
    value: Any = document
    for name in path:
        value = value[name]
    report = streamed(**{STREAM_KEY[prefix]: replaced(document, path, form(value))})
    assert usage_of_report(endpoint, report) == usage_of_report(endpoint, streamed(**{STREAM_KEY[prefix]: document}))


def test_a_fraction_is_rounded_up_and_flagged() -> None:
    reading = reading_of(Endpoint.CHAT_COMPLETIONS, streamed(usage={"prompt_tokens": 1.5, "completion_tokens": 1}))
    assert (reading.usage, reading.flags) == (TokenUsage(input=2, output=1), frozenset({Flag.UNREADABLE_COUNT}))


def test_text_after_the_last_report_leaves_the_output_uncounted() -> None:
    facts = {**streamed(usage={"prompt_tokens": 1, "completion_tokens": 1}), "text_after_usage": True}
    reading = reading_of(Endpoint.CHAT_COMPLETIONS, facts)
    assert (reading.input_counted, reading.output_counted, reading.usage) == (
        True,
        False,
        TokenUsage(input=1, output=1),
    )


@pytest.mark.parametrize(
    ("endpoint", "usage", "delivered", "is_counted"),
    [
        (Endpoint.CHAT_COMPLETIONS, {"prompt_tokens": 0, "completion_tokens": 5}, 0, False),
        (Endpoint.MESSAGES, {"input_tokens": 0, "output_tokens": 5}, 9, False),
        (Endpoint.MESSAGES, {"input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 5}, 9, True),
        (Endpoint.EMBEDDINGS, {"prompt_tokens": 0, "total_tokens": 0}, 0, False),
        (Endpoint.CHAT_COMPLETIONS, {"prompt_tokens": 0, "completion_tokens": 0}, 0, True),
    ],
)
def test_an_answer_to_no_input_is_no_count(
    endpoint: Endpoint, usage: dict[str, int], delivered: int, *, is_counted: bool
) -> None:
    """Seen to fail: a report that left the input at zero made it free."""
    facts = {**streamed(usage=usage), "delivered_bytes": delivered}
    assert reading_of(endpoint, facts).input_counted == is_counted


@pytest.mark.parametrize(
    "text",
    ["", "not json", "5", "[]", '"text"', "null", "true", "[" * 100_000, '{"prompt_tokens": ' + "9" * 10_000 + "}"],
)
def test_a_text_that_is_not_a_json_object_counts_nothing_and_is_flagged(text: str) -> None:
    reading = reading_of(Endpoint.CHAT_COMPLETIONS, {"usage": text})
    assert reading.is_empty
    assert reading.flags == {Flag.UNREADABLE_REPORT}


@pytest.mark.parametrize(
    ("facts", "tokens"),
    [
        ({}, None),
        ({"delivered_bytes": -1}, None),
        ({"delivered_bytes": True}, None),
        ({"model": "m"}, 0),
        ({"delivered_bytes": 0}, 0),
        ({"delivered_bytes": 5}, 2),
        ({"delivered_bytes": 120, "deltas": 30}, 30),
        ({"delivered_bytes": 240, "deltas": 30}, 30),
        ({"delivered_bytes": 241, "deltas": 30}, 61),
        ({"delivered_bytes": 400, "deltas": 0}, 100),
    ],
)
def test_delivered_text_is_a_token_a_delta_or_a_token_for_four_bytes(
    facts: dict[str, object], tokens: int | None
) -> None:
    assert delivered_tokens(facts) == tokens


@pytest.mark.parametrize(
    ("endpoint", "facts", "service"),
    [
        (Endpoint.CHAT_COMPLETIONS, {"service_tier": "priority"}, Service(tier="priority")),
        (Endpoint.CHAT_COMPLETIONS, {"usage": '{"service_tier": "flex"}'}, Service(tier="flex")),
        (Endpoint.GENERATE_CONTENT, {"usage_metadata": '{"serviceTier": "FLEX"}'}, Service(tier="FLEX")),
        (
            Endpoint.MESSAGES,
            {"usage": '{"service_tier": "standard", "speed": "fast", "inference_geo": "us"}'},
            Service("standard", "fast", "us"),
        ),
        (Endpoint.MESSAGES, {"start_usage": '{"speed": "fast"}', "usage": "{}"}, Service(speed="fast")),
        (Endpoint.MESSAGES, {}, Service()),
    ],
)
def test_the_service_is_read_wherever_it_is_reported(
    endpoint: Endpoint, facts: dict[str, object], service: Service
) -> None:
    assert read_report(endpoint, facts).service == service
