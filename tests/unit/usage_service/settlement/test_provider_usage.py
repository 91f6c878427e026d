"""The usage report of each provider in both forms, and the resulting record."""

import json

import pytest

from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from tests.unit.usage_service.settlement.reports import Document, answered, streamed
from usage_service.settlement.provider_usage import MAX_TOKEN_COUNT, InvalidUsageError, estimated_usage, usage_of_report

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
    input=100, cache_read=50, cache_write_5m=40, cache_write_1h=30, output=30, output_reasoning=60
)


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
        (Endpoint.CHAT_COMPLETIONS, {"usage.total_tokens": 9.0}),
        (Endpoint.CHAT_COMPLETIONS, {"usage_metadata": json.dumps(GEMINI)}),
        (Endpoint.RESPONSES, {"response_error": '{"code": "server_error"}'}),
        (Endpoint.MESSAGES, {"start_usage": json.dumps(ANTHROPIC)}),
        (Endpoint.MESSAGES, {"start_usage": json.dumps(ANTHROPIC), "usage": '{"output_tokens": null}'}),
        (Endpoint.MESSAGES, {"usage.input_tokens": 5.0}),
        (Endpoint.GENERATE_CONTENT, {}),
        (Endpoint.GENERATE_CONTENT, {"usage_metadata": '{"totalTokenCount": 9}'}),
    ],
)
def test_a_missing_report_is_none_and_not_zero(endpoint: Endpoint, report: dict[str, object]) -> None:
    assert usage_of_report(endpoint, report) is None


@pytest.mark.parametrize(
    ("endpoint", "prefix", "document"),
    [
        (Endpoint.CHAT_COMPLETIONS, "usage", {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
        (Endpoint.CHAT_COMPLETIONS, "usage", {"prompt_tokens": 0, "completion_tokens": 0}),
        (Endpoint.RESPONSES, "usage", {"input_tokens": 0, "output_tokens": 0}),
        (Endpoint.EMBEDDINGS, "usage", {"prompt_tokens": 0}),
        (Endpoint.MESSAGES, "usage", {"input_tokens": 0, "output_tokens": 0}),
        (Endpoint.GENERATE_CONTENT, "usageMetadata", {"promptTokenCount": 0, "candidatesTokenCount": 0}),
    ],
)
def test_zero_counts_are_read_as_zero(endpoint: Endpoint, prefix: str, document: Document) -> None:
    assert usage_of_report(endpoint, answered(prefix, document)) == TokenUsage()


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
    "value", [-1, 1.5, "12", True, MAX_TOKEN_COUNT + 1, 2**63, float("nan"), float("inf"), [1], {}]
)
@pytest.mark.parametrize(("endpoint", "prefix", "document", "path"), COUNTS)
def test_an_invalid_token_count_makes_the_report_invalid(
    endpoint: Endpoint, prefix: str, document: Document, path: tuple[str, ...], value: object
) -> None:
    bad = replaced(document, path, value)
    with pytest.raises(InvalidUsageError):
        usage_of_report(endpoint, streamed(**{STREAM_KEY[prefix]: bad}))
    if value != {}:  # an object without leaves leaves no trace in a JSON answer
        with pytest.raises(InvalidUsageError):
            usage_of_report(endpoint, answered(prefix, bad))


@pytest.mark.parametrize(
    ("endpoint", "document"),
    [
        (Endpoint.CHAT_COMPLETIONS, replaced(CHAT, ("prompt_tokens_details", "cached_tokens"), 801)),
        (Endpoint.CHAT_COMPLETIONS, replaced(CHAT, ("prompt_tokens_details", "cache_write_tokens"), 701)),
        (Endpoint.CHAT_COMPLETIONS, replaced(CHAT, ("completion_tokens_details", "reasoning_tokens"), 501)),
        (Endpoint.MESSAGES, replaced(ANTHROPIC, ("cache_creation", "ephemeral_1h_input_tokens"), 71)),
        (Endpoint.MESSAGES, replaced(ANTHROPIC, ("output_tokens_details", "thinking_tokens"), 91)),
    ],
)
def test_a_part_above_its_whole_makes_the_report_invalid(endpoint: Endpoint, document: Document) -> None:
    with pytest.raises(InvalidUsageError, match="than there are"):
        usage_of_report(endpoint, streamed(usage=document))


def test_more_cached_tokens_than_prompt_tokens_make_a_gemini_report_invalid() -> None:
    with pytest.raises(InvalidUsageError, match="than there are"):
        usage_of_report(
            Endpoint.GENERATE_CONTENT, streamed(usage_metadata={**GEMINI, "cachedContentTokenCount": 1_001})
        )


@pytest.mark.parametrize("total", [0, 1_499, 1_501, 15_000])
def test_a_total_that_is_not_the_sum_makes_the_report_invalid(total: int) -> None:
    with pytest.raises(InvalidUsageError, match="sum of its parts"):
        usage_of_report(Endpoint.CHAT_COMPLETIONS, streamed(usage={**CHAT, "total_tokens": total}))
    with pytest.raises(InvalidUsageError, match="sum of its parts"):
        usage_of_report(Endpoint.GENERATE_CONTENT, streamed(usage_metadata={**GEMINI, "totalTokenCount": total}))


@pytest.mark.parametrize(
    ("endpoint", "report"),
    [
        (Endpoint.CHAT_COMPLETIONS, {"usage": '{"prompt_tokens": 5}'}),
        (Endpoint.CHAT_COMPLETIONS, {"usage": '{"completion_tokens": 5}'}),
        (Endpoint.CHAT_COMPLETIONS, {"usage": '{"prompt_tokens": 5, "total_tokens": 9}'}),
        (Endpoint.RESPONSES, {"response_usage": '{"input_tokens": 5}'}),
        (Endpoint.EMBEDDINGS, {"usage": '{"completion_tokens": 5}'}),
        (Endpoint.MESSAGES, {"usage": '{"output_tokens": 5}'}),
    ],
)
def test_a_missing_count_is_not_zero(endpoint: Endpoint, report: dict[str, object]) -> None:
    with pytest.raises(InvalidUsageError):
        usage_of_report(endpoint, report)


def test_a_missing_count_is_zero_if_the_total_shows_it() -> None:
    report = streamed(usage={"prompt_tokens": 5, "total_tokens": 5})
    assert usage_of_report(Endpoint.COMPLETIONS, report) == TokenUsage(input=5)


@pytest.mark.parametrize(
    "text",
    ["", "not json", "5", "[]", '"text"', "null", "true", "[" * 100_000, '{"prompt_tokens": ' + "9" * 10_000 + "}"],
)
def test_a_text_that_is_not_a_json_object_makes_the_report_invalid(text: str) -> None:
    with pytest.raises(InvalidUsageError):
        usage_of_report(Endpoint.CHAT_COMPLETIONS, {"usage": text})


@pytest.mark.parametrize(
    "report",
    [
        {"usage": 5.0},
        {"usage.prompt_tokens": 5.0, "usage.prompt_tokens.cached": 5.0},
        {"usage.prompt_tokens.cached": 5.0, "usage.completion_tokens": 5.0},
        {"usage.prompt_tokens": 5.0, "usage.completion_tokens": 1.0, "usage.prompt_tokens_details": 1.0},
    ],
)
def test_contradicting_leaves_make_the_report_invalid(report: dict[str, object]) -> None:
    with pytest.raises(InvalidUsageError):
        usage_of_report(Endpoint.CHAT_COMPLETIONS, report)


@pytest.mark.parametrize(("response_bytes", "output"), [(0, 0), (1, 1), (4, 1), (5, 2), (10**9, 64)])
def test_an_estimate_has_all_input_and_a_token_per_four_bytes_within_the_reserve(
    response_bytes: int, output: int
) -> None:
    assert estimated_usage(100, response_bytes, 64) == TokenUsage(input=100, output=output)
