"""The forms in which a report may write a count, and what is none."""

import json
from typing import Any

import pytest

from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from tests.unit.usage_service.provider_reports.reports import (
    ANTHROPIC,
    CHAT,
    GEMINI,
    Document,
    answered,
    reading_of,
    streamed,
    usage_of_report,
)
from usage_service.provider_reports.counts import MAX_COUNT
from usage_service.provider_reports.reading import Flag

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


@pytest.mark.parametrize(
    ("text", "count", "flags"),
    [
        ("1e3", 1_000, frozenset()),
        ("1.2E+1", 12, frozenset()),
        ("3.5", 4, frozenset({Flag.UNREADABLE_COUNT})),
        ("1,200", 1_200, frozenset({Flag.UNREADABLE_COUNT})),
        ("1_234_567", 1_234_567, frozenset({Flag.UNREADABLE_COUNT})),
    ],
)
def test_a_text_that_is_a_number_is_counted(text: str, count: int, flags: frozenset[Flag]) -> None:
    reading = reading_of(Endpoint.CHAT_COMPLETIONS, streamed(usage={"prompt_tokens": 1, "completion_tokens": text}))
    assert (reading.usage, reading.flags) == (TokenUsage(input=1, output=count), flags)


def test_a_list_of_reports_is_their_sum() -> None:
    """Seen to fail: the list was set aside, and the call was estimated."""
    first = {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    reading = reading_of(Endpoint.CHAT_COMPLETIONS, {"usage": json.dumps([first, {**first, "completion_tokens": 3}])})
    assert reading.usage == TokenUsage(input=12, cache_read=8, output=5)
