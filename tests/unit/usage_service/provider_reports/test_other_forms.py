"""Reports in several parts, in lists, and with names in the case of another API."""

import json

import pytest

from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from tests.unit.usage_service.provider_reports.reports import streamed
from usage_service.provider_reports.reading import Flag, Reading
from usage_service.provider_reports.report import read_report


def reading_of(endpoint: Endpoint, facts: dict[str, object]) -> Reading:
    return read_report(endpoint, facts).reading


def test_of_two_reports_of_one_answer_the_greater_counts_are_read() -> None:
    first = {"input_tokens": 5_000, "output_tokens": 10, "cache_creation": {"ephemeral_1h_input_tokens": 7}}
    later = {"output_tokens": 2_000, "input_tokens": None, "server_tool_use": {"web_search_requests": 2}}
    reading = reading_of(Endpoint.MESSAGES, streamed(usage=first, other_usage=later))
    assert reading.usage == TokenUsage(input=5_000, cache_write_1h=7, output=2_000, uses=(("web_search", 2),))


def test_the_total_of_a_part_is_not_that_of_the_whole() -> None:
    facts = streamed(
        usage={"prompt_tokens": 10, "completion_tokens": 50}, other_usage={"prompt_tokens": 20, "total_tokens": 20}
    )
    reading = reading_of(Endpoint.CHAT_COMPLETIONS, facts)
    assert (reading.usage, reading.flags) == (TokenUsage(input=20, output=50), frozenset())


@pytest.mark.parametrize(
    ("endpoint", "facts"),
    [
        (Endpoint.CHAT_COMPLETIONS, streamed(usage={"promptTokens": 7, "completionTokens": 3, "totalTokens": 10})),
        (Endpoint.RESPONSES, streamed(usage={"inputTokens": 7, "outputTokens": 3})),
        (Endpoint.MESSAGES, streamed(usage={"inputTokens": 7, "outputTokens": 3})),
        (Endpoint.GENERATE_CONTENT, streamed(usage_metadata={"prompt_token_count": 7, "candidates_token_count": 3})),
        (Endpoint.GENERATE_CONTENT, streamed(usage={"prompt_tokens": 7, "completion_tokens": 3})),
    ],
)
def test_names_in_the_case_of_another_api_are_read(endpoint: Endpoint, facts: dict[str, object]) -> None:
    reading = reading_of(endpoint, facts)
    assert (reading.usage, reading.flags) == (TokenUsage(input=7, output=3), frozenset())


@pytest.mark.parametrize("usage", [{"tokens": 7}, {"in": 3.0, "out": 4}])
def test_a_report_with_unknown_names_is_flagged(usage: dict[str, object]) -> None:
    reading = reading_of(Endpoint.CHAT_COMPLETIONS, streamed(usage=usage))
    assert reading.is_empty
    assert reading.flags == {Flag.UNREADABLE_REPORT}


def test_a_list_of_reports_is_their_sum() -> None:
    """Seen to fail: the list was set aside, and the call was estimated."""
    first = {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    reading = reading_of(Endpoint.CHAT_COMPLETIONS, {"usage": json.dumps([first, {**first, "completion_tokens": 3}])})
    assert reading.usage == TokenUsage(input=12, cache_read=8, output=5)
