"""A call gets the same usage and price, streamed or not, for every provider's report (fault E6)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.catalog.pricing import charge_lines, total_nano_credits
from gateway_core.model.catalog.token_usage import TokenUsage, token_counts
from gateway_core.model.endpoints import Endpoint
from tests.property.gateway_core.model.catalog.price_schedules import schedules
from tests.unit.usage_service.provider_reports.reports import Document, answered, streamed
from usage_service.provider_reports.report import read_report

Reports = tuple[dict[str, object], dict[str, object]]
"""The reports of Envoy about a stream, and about a JSON answer with the same content."""

counts = st.integers(0, 2**34)


@st.composite
def usages(draw: st.DrawFn, *, has_one_hour_writes: bool = False, has_writes: bool = True) -> TokenUsage:
    return TokenUsage(
        input=draw(counts),
        cache_read=draw(counts),
        cache_write_5m=draw(counts) if has_writes else 0,
        cache_write_1h=draw(counts) if has_one_hour_writes else 0,
        output=draw(counts),
        output_reasoning=draw(counts),
    )


def openai_document(usage: TokenUsage, input_field: str, output_field: str) -> Document:
    return {
        input_field: usage.total_input,
        output_field: usage.total_output,
        "total_tokens": usage.total_input + usage.total_output,
        f"{input_field}_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write_5m},
        f"{output_field}_details": {"reasoning_tokens": usage.output_reasoning},
    }


def chat_reports(usage: TokenUsage) -> Reports:
    document = openai_document(usage, "prompt_tokens", "completion_tokens")
    return streamed(usage=document), answered("usage", document)


def responses_reports(usage: TokenUsage) -> Reports:
    document = openai_document(usage, "input_tokens", "output_tokens")
    return streamed(response_usage=document), answered("usage", document)


def messages_reports(usage: TokenUsage) -> Reports:
    start = {
        "input_tokens": usage.input,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": min(usage.total_output, 1),
    }
    delta = {
        "output_tokens": usage.total_output,
        "output_tokens_details": {"thinking_tokens": usage.output_reasoning},
    }
    return streamed(start_usage=start, usage=delta), answered("usage", {**start, **delta})


def gemini_reports(usage: TokenUsage) -> Reports:
    tool_use = usage.input // 3
    document = {
        "promptTokenCount": usage.total_input - tool_use,
        "cachedContentTokenCount": usage.cache_read,
        "toolUsePromptTokenCount": tool_use,
        "candidatesTokenCount": usage.output,
        "thoughtsTokenCount": usage.output_reasoning,
        "totalTokenCount": usage.total_input + usage.total_output,
    }
    return streamed(usage_metadata=document), answered("usageMetadata", document)


DIALECTS = [
    pytest.param(Endpoint.CHAT_COMPLETIONS, chat_reports, usages(), id="chat completions"),
    pytest.param(Endpoint.COMPLETIONS, chat_reports, usages(), id="completions"),
    pytest.param(Endpoint.RESPONSES, responses_reports, usages(), id="responses"),
    pytest.param(Endpoint.MESSAGES, messages_reports, usages(has_one_hour_writes=True), id="messages"),
    pytest.param(Endpoint.GENERATE_CONTENT, gemini_reports, usages(has_writes=False), id="gemini"),
]


@pytest.mark.parametrize(("endpoint", "reports_of", "strategy"), DIALECTS)
@given(data=st.data(), schedule=schedules())
def test_a_call_has_the_same_usage_and_price_streamed_or_not(
    endpoint: Endpoint,
    reports_of: Callable[[TokenUsage], Reports],
    strategy: st.SearchStrategy[TokenUsage],
    data: st.DataObject,
    schedule: PriceSchedule,
) -> None:
    usage = data.draw(strategy)
    stream, answer = (read_report(endpoint, report).reading for report in reports_of(usage))
    assert stream == answer
    has_input = usage.total_input > 0 or not usage.total_output
    assert (stream.usage, stream.input_counted, stream.output_counted) == (usage, has_input, True)
    assert not stream.flags
    prices = {total_nano_credits(charge_lines(found.usage, schedule)) for found in (stream, answer)}
    assert len(prices) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["usage", "start_usage", "response_usage", "usage_metadata", "usage.prompt_tokens", "usage.completion_tokens",
     "usage.total_tokens", "usage.prompt_tokens_details", "usage.prompt_tokens_details.cached_tokens", "usage.",
     "usage.output_tokens", "usage.input_tokens", "usage.cache_creation.ephemeral_1h_input_tokens", "usage.cache_creation",
     "usageMetadata.promptTokenCount", "usageMetadata.promptTokenCount.x"]
)  # fmt: skip


@given(st.sampled_from(Endpoint), st.dictionaries(keys, json_values | st.text(max_size=20), max_size=6))
def test_any_report_is_read_as_counts_that_are_not_negative(endpoint: Endpoint, report: dict[str, object]) -> None:
    usage = read_report(endpoint, report).reading.usage
    assert all(type(number) is int and number >= 0 for number in token_counts(usage))


@given(counts, counts, counts, counts, st.integers(0, 2**36))
def test_a_contradicting_report_never_costs_less_than_its_parts(
    prompt: int, completion: int, cached: int, reasoning: int, total: int
) -> None:
    document = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    usage = read_report(Endpoint.CHAT_COMPLETIONS, streamed(usage=document)).reading.usage
    assert usage.total_input >= max(prompt, cached)
    assert usage.total_output >= max(completion, reasoning)
    assert usage.total_input + usage.total_output >= total
