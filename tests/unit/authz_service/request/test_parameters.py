"""Every parameter that affects the price of a call is read exactly, or the call is refused (faults F4 to F8)."""

from typing import Any

import pytest

from authz_service.request.call import Call
from authz_service.request.parameters import MAX_OUTPUT_LIMIT, MAX_PROMPTS, read_parameters
from authz_service.request.values import MAX_CHOICES
from gateway_core.model.calls.decision import Parameters
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.endpoints import Dialect, Endpoint, ModelCall, classify
from tests.support.data.examples import call

PATHS = {
    Endpoint.CHAT_COMPLETIONS: "/v1/chat/completions",
    Endpoint.COMPLETIONS: "/v1/completions",
    Endpoint.RESPONSES: "/v1/responses",
    Endpoint.EMBEDDINGS: "/v1/embeddings",
    Endpoint.MESSAGES: "/v1/messages",
    Endpoint.GENERATE_CONTENT: "/v1beta/models/plain:generateContent",
}
LIMITS = [
    (Endpoint.CHAT_COMPLETIONS, "max_tokens"),
    (Endpoint.CHAT_COMPLETIONS, "max_completion_tokens"),
    (Endpoint.COMPLETIONS, "max_tokens"),
    (Endpoint.RESPONSES, "max_output_tokens"),
    (Endpoint.MESSAGES, "max_tokens"),
    (Endpoint.GENERATE_CONTENT, "generation_max_output_tokens"),
]
CHOICES = [
    (Endpoint.CHAT_COMPLETIONS, "n"),
    (Endpoint.COMPLETIONS, "n"),
    (Endpoint.COMPLETIONS, "best_of"),
    (Endpoint.GENERATE_CONTENT, "candidate_count"),
]
WRITTEN = {
    "generation_max_output_tokens": "generationConfig.maxOutputTokens",
    "candidate_count": "generationConfig.candidateCount",
    "include_usage": "stream_options.include_usage",
}
# The format in which Envoy passes facts: numbers are doubles, objects and arrays are JSON texts.
NOT_COUNTS = [
    -1.0,
    -0.5,
    0.5,
    1.5,
    1e18,
    1e300,
    float("inf"),
    float("-inf"),
    float("nan"),
    "7",
    "",
    "[7]",
    "{}",
    True,
    False,
    None,
]


def read(asked: Call) -> Parameters | Refusal:
    route = classify(asked.method, asked.path.partition("?")[0], Dialect.OPENAI)
    assert isinstance(route, ModelCall)
    return read_parameters(asked, route)


def accepted(facts: dict[str, Any], endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS) -> Parameters:
    answer = read(call({"model": "plain", **facts}, path=PATHS[endpoint]))
    assert isinstance(answer, Parameters)
    return answer


def refused(asked: Call) -> Refusal:
    answer = read(asked)
    assert isinstance(answer, Refusal)
    assert answer.status == 400
    return answer


def refused_parameter(facts: dict[str, Any], endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS) -> str | None:
    refusal = refused(call({"model": "plain", **facts}, path=PATHS[endpoint]))
    assert refusal.reason is RefusalReason.INVALID_PARAMETER
    assert f"'{refusal.parameter}'" in refusal.message
    return refusal.parameter


def test_a_call_with_only_a_model_gets_defaults() -> None:
    assert accepted({}) == Parameters("plain", streams=False, output_limit=None, choices=1, asks_for_usage=False)


def test_a_mark_for_the_cache_is_read() -> None:
    assert accepted({"has_cache_control": True}, Endpoint.MESSAGES).has_cache_control
    assert not accepted({}, Endpoint.MESSAGES).has_cache_control


@pytest.mark.parametrize(("endpoint", "name"), LIMITS)
@pytest.mark.parametrize("value", [1.0, 4_096.0, 1e9])
def test_the_callers_output_limit_is_read(endpoint: Endpoint, name: str, value: float) -> None:
    limit = accepted({name: value}, endpoint).output_limit
    assert limit == value
    assert type(limit) is int


@pytest.mark.parametrize(("endpoint", "name"), CHOICES)
@pytest.mark.parametrize("value", [1.0, 128.0])
def test_the_number_of_choices_is_read(endpoint: Endpoint, name: str, value: float) -> None:
    choices = accepted({name: value}, endpoint).choices
    assert choices == value
    assert type(choices) is int


@pytest.mark.parametrize(("endpoint", "name"), LIMITS + CHOICES)
@pytest.mark.parametrize("value", NOT_COUNTS)
def test_an_invalid_count_is_refused(endpoint: Endpoint, name: str, value: object) -> None:
    assert refused_parameter({name: value}, endpoint) == WRITTEN.get(name, name)


@pytest.mark.parametrize(("endpoint", "name"), LIMITS)
def test_a_call_without_output_is_accepted(endpoint: Endpoint, name: str) -> None:
    assert accepted({name: 0.0}, endpoint).output_limit == 0


@pytest.mark.parametrize(("endpoint", "name"), CHOICES)
def test_a_call_without_choices_is_refused(endpoint: Endpoint, name: str) -> None:
    assert refused_parameter({name: 0.0}, endpoint) == WRITTEN.get(name, name)


@pytest.mark.parametrize(("endpoint", "name"), LIMITS)
def test_an_output_limit_beyond_all_models_is_refused(endpoint: Endpoint, name: str) -> None:
    assert refused_parameter({name: float(MAX_OUTPUT_LIMIT + 1)}, endpoint) is not None


@pytest.mark.parametrize(("endpoint", "name"), CHOICES)
def test_more_than_128_choices_are_refused(endpoint: Endpoint, name: str) -> None:
    assert MAX_CHOICES == 128
    assert refused_parameter({name: 129.0}, endpoint) == WRITTEN.get(name, name)


def test_the_larger_of_two_limits_is_reserved() -> None:
    assert accepted({"max_tokens": 5.0, "max_completion_tokens": 9.0}).output_limit == 9
    assert accepted({"max_tokens": 9.0, "max_completion_tokens": 5.0}).output_limit == 9
    assert accepted({"n": 2.0, "best_of": 5.0}, Endpoint.COMPLETIONS).choices == 5


def test_both_of_two_limits_must_be_counts() -> None:
    assert refused_parameter({"max_tokens": -1.0, "max_completion_tokens": 9.0}) == "max_tokens"


@pytest.mark.parametrize(
    "endpoint", [Endpoint.CHAT_COMPLETIONS, Endpoint.COMPLETIONS, Endpoint.RESPONSES, Endpoint.MESSAGES]
)
def test_streaming_is_read_from_the_body(endpoint: Endpoint) -> None:
    assert accepted({"stream": True}, endpoint).streams
    assert not accepted({"stream": False}, endpoint).streams


@pytest.mark.parametrize("value", ["true", "false", "", 1.0, 0.0, None])
@pytest.mark.parametrize("name", ["stream", "include_usage"])
def test_only_json_booleans_are_accepted_as_flags(name: str, value: object) -> None:
    assert refused_parameter({name: value}) == WRITTEN.get(name, name)


def test_whether_the_caller_asks_for_usage_is_read() -> None:
    assert accepted({"stream": True, "include_usage": True}).asks_for_usage
    assert not accepted({"stream": True, "include_usage": False}).asks_for_usage


def test_embeddings_do_not_stream() -> None:
    assert refused_parameter({"stream": True}, Endpoint.EMBEDDINGS) == "stream"


@pytest.mark.parametrize("name", ["service_tier", "speed", "inference_geo"])
@pytest.mark.parametrize("value", [1.0, True])
def test_a_tier_a_speed_or_a_place_must_be_a_text(name: str, value: object) -> None:
    assert refused_parameter({name: value}) == name


def test_a_list_beyond_its_bound_is_refused() -> None:
    assert "too many" in refused(call({"model": "plain", "is_excessive": True})).message


def test_a_response_without_a_model_is_told_why_it_needs_one() -> None:
    refusal = refused(call({}, path=PATHS[Endpoint.RESPONSES]))
    assert refusal.parameter == "model"
    assert "stored prompt" in refusal.message


def test_the_answers_of_all_prompts_are_counted() -> None:
    facts = {"prompts": 20.0, "n": 2.0, "best_of": 3.0}
    assert accepted(facts, Endpoint.COMPLETIONS).choices == 60
    assert accepted(facts).choices == 2
    assert accepted({"prompts": float(MAX_PROMPTS)}, Endpoint.COMPLETIONS).choices == MAX_PROMPTS
    assert refused_parameter({"prompts": MAX_PROMPTS + 1.0}, Endpoint.COMPLETIONS) == "prompt"


def test_the_thinking_budget_is_read() -> None:
    assert accepted({"thinking_budget": 500.0}).thinking_tokens == 500
    assert accepted({"thinking_budget": 1e18}).thinking_tokens == MAX_OUTPUT_LIMIT


@pytest.mark.parametrize("value", ["auto", "default", "standard", "standard_only"])
def test_the_standard_tier_is_nothing_special(value: str) -> None:
    assert accepted({"service_tier": value}).specials is None


@pytest.mark.parametrize(
    "facts", [{}, {"model": ""}, {"model": 5.0}, {"model": True}, {"model": None}, {"model_missing": "true"}]
)
def test_a_body_without_a_model_is_refused(facts: dict[str, Any]) -> None:
    refusal = refused(call(facts))
    assert (refusal.reason, refusal.parameter) == (RefusalReason.INVALID_PARAMETER, "model")


def gemini(path: str, facts: dict[str, Any] | None = None) -> Parameters | Refusal:
    return read(call(facts or {}, path=path))


def test_gemini_takes_the_model_from_the_path_and_ignores_the_body() -> None:
    answer = gemini("/v1beta/models/plain:generateContent", {"model": "other", "stream": "true"})
    assert isinstance(answer, Parameters)
    assert (answer.model, answer.streams) == ("plain", False)


@pytest.mark.parametrize(
    ("query", "passed"),
    [
        ("?alt=sse", "alt=sse"),
        ("?x=1&alt=sse", "alt=sse"),
        ("?$alt=sse", "$alt=sse"),
        ("", ""),
        ("?", ""),
        ("?alt=json", ""),
        ("?alt=sse2", ""),
        ("?xalt=sse", ""),
        ("?alt=SSE", ""),
        ("?alt%3Dsse", ""),
    ],
)
def test_gemini_takes_streaming_from_the_path_and_its_form_from_the_query(query: str, passed: str) -> None:
    answer = gemini(f"/v1beta/models/plain:streamGenerateContent{query}")
    assert isinstance(answer, Parameters)
    assert (answer.streams, answer.query) == (True, passed)


@pytest.mark.parametrize("verb", ["embedContent", "batchEmbedContents", "countTokens"])
def test_embeddings_and_counts_of_gemini_never_stream(verb: str) -> None:
    answer = gemini(f"/v1beta/models/plain:{verb}?alt=sse", {"stream": True})
    assert isinstance(answer, Parameters)
    assert not answer.streams


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        " application/json\t; x",
    ],
)
def test_json_is_accepted_with_any_parameters(content_type: str) -> None:
    assert isinstance(read(call(content_type=content_type)), Parameters)


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/json", "application/jsonl", "application/json, text/plain", "application/json+x",
     "application/vnd.api+json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "xapplication/json"],
)  # fmt: skip
def test_another_content_type_is_refused(content_type: str | None) -> None:
    refusal = refused(call(content_type=content_type))
    assert refusal.reason is RefusalReason.UNSUPPORTED_CONTENT_TYPE
    assert "content-type: application/json" in refusal.message


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "zstd", "deflate", "compress", "identity, gzip", "x"])
def test_a_compressed_body_is_refused(encoding: str) -> None:
    refusal = refused(call(content_encoding=encoding))
    assert refusal.reason is RefusalReason.UNSUPPORTED_CONTENT_ENCODING


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_the_identity_encoding_is_accepted(encoding: str) -> None:
    assert isinstance(read(call(content_encoding=encoding)), Parameters)


@pytest.mark.parametrize("body_bytes", [0, -1])
def test_an_empty_body_is_refused(body_bytes: int) -> None:
    refusal = refused(call({}, body_bytes=body_bytes))
    assert refusal.reason is RefusalReason.UNREADABLE_BODY
    assert "empty" in refusal.message


def test_an_unreadable_body_is_refused_even_if_the_path_has_the_model() -> None:
    for path in (PATHS[Endpoint.CHAT_COMPLETIONS], PATHS[Endpoint.GENERATE_CONTENT]):
        refusal = refused(call({"unreadable": "true", "model": "plain"}, path=path))
        assert refusal.reason is RefusalReason.UNREADABLE_BODY
        assert "not readable JSON" in refusal.message
