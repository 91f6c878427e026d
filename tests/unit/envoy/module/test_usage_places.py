"""Where the module finds usage, hosted tools, tiers and errors, and which of several reports it keeps."""

import json

import pytest

from tests.support.envoy_module import document_usage, stream_usage


def stream_of(*events: object) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@pytest.mark.parametrize(
    "later",
    [{}, {"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": 0.0}, {"prompt_tokens": "0"}, None, 7],
)
def test_a_report_is_not_replaced_by_one_that_counts_less(later: object) -> None:
    true = {"prompt_tokens": 3, "completion_tokens": 5}
    for events in ([true, later], [later, true]):
        facts = stream_usage(stream_of(*({"usage": usage} for usage in events)))
        assert json.loads(facts["usage"]) == true


def test_of_two_equal_reports_the_later_one_is_kept() -> None:
    facts = stream_usage(stream_of({"usage": {"a": 1, "b": 2}}, {"usage": {"a": 2, "b": 1}}))
    assert json.loads(facts["usage"]) == {"a": 2, "b": 1}


def test_counts_are_compared_at_any_depth_and_as_text() -> None:
    facts = stream_usage(
        stream_of({"usage": {"details": [{"tokens": "500"}]}}, {"usage": {"tokens": 12.0, "at": "x9"}})
    )
    assert json.loads(facts["usage"]) == {"details": [{"tokens": "500"}]}


@pytest.mark.parametrize(
    "document",
    [
        {"choices": [{"index": 0, "usage": {"a": 1}}]},
        {"x_groq": {"id": "r", "usage": {"a": 1}}},
        {"results": [], "meta": {"api_version": {"version": "2"}, "billed_units": {"a": 1}}},
        [{"usage": {"a": 1}}, {"other": 1}],
    ],
)
def test_usage_is_found_in_other_places(document: object) -> None:
    assert json.loads(document_usage(json.dumps(document).encode())["usage"]) == {"a": 1}


@pytest.mark.parametrize(
    ("document", "tier"),
    [
        ({"serviceTier": "priority"}, "priority"),
        ({"usage": {"a": 1, "service_tier": "batch"}}, "batch"),
        ({"usageMetadata": {"serviceTier": "flex"}}, "flex"),
        ({"service_tier": "default", "usage": {"service_tier": "batch"}}, "default"),
    ],
)
def test_the_service_tier_is_found_wherever_it_is(document: object, tier: str) -> None:
    assert document_usage(json.dumps(document).encode())["service_tier"] == tier


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        ({"code": 502, "message": "secret"}, {"error.code": 502}),
        ({"message": "secret"}, {"error.present": True}),
        ("failed", {"error": "failed"}),
        (None, {}),
    ],
)
def test_an_error_inside_a_choice_is_found(error: object, facts: object) -> None:
    assert document_usage(json.dumps({"choices": [{"error": error}]}).encode()) == facts


def test_an_event_that_is_an_error_is_one() -> None:
    assert stream_usage(stream_of({"type": "error", "code": "x", "message": "secret"})) == {"error.present": True}


SEARCH = {"type": "web_search_call", "action": {"type": "search", "query": "x"}}
OTHERS = [
    {"type": "web_search_call", "action": {"type": "open_page"}},
    {"type": "code_interpreter_call", "code": ""},
    {"type": "function_call"},
    {"type": "message"},
]


def test_hosted_tools_of_a_document_are_counted_by_type() -> None:
    facts = document_usage(json.dumps({"output": [SEARCH, *OTHERS, SEARCH]}).encode())
    assert facts["tool_items"] == {"web_search_call": 2, "code_interpreter_call": 1}


def test_hosted_tools_of_a_stream_are_not_counted_twice() -> None:
    done = [{"type": "response.output_item.done", "item": item} for item in (SEARCH, *OTHERS)]
    added = {"type": "response.output_item.added", "item": SEARCH}
    end = {"type": "response.completed", "response": {"output": [SEARCH, SEARCH, *OTHERS]}}
    assert stream_usage(stream_of(added, *done))["tool_items"] == {"web_search_call": 1, "code_interpreter_call": 1}
    counts = {"web_search_call": 2, "code_interpreter_call": 1}
    assert stream_usage(stream_of(added, *done, end))["tool_items"] == counts


def test_searches_in_a_stream_of_anthropic_are_counted_by_their_results() -> None:
    found = {"type": "web_search_tool_result", "content": [{"type": "web_search_result", "url": "https://a.example"}]}
    failed = {"type": "web_search_tool_result", "content": {"type": "web_search_tool_result_error", "error_code": "x"}}
    used = {"type": "server_tool_use", "name": "web_search", "input": {}}
    blocks = [used, found, used, failed, used, found, {"type": "text", "text": "Because."}]
    events = [{"type": "content_block_start", "index": 0, "content_block": block} for block in blocks]
    ends = [{"type": "content_block_stop", "index": 0, "content_block": found}]
    assert stream_usage(stream_of(*events, *ends))["tool_items"] == {"web_search_tool_result": 2}


def test_the_use_of_tools_is_copied() -> None:
    use = {"web_search": {"num_requests": 2}}
    assert json.loads(document_usage(json.dumps({"tool_usage": use}).encode())["tool_usage"]) == use
    event = {"type": "response.completed", "response": {"tool_usage": use}}
    assert json.loads(stream_usage(stream_of(event))["tool_usage"]) == use


def test_grounding_is_counted_by_queries() -> None:
    first = {"candidates": [{"groundingMetadata": {"webSearchQueries": ["a"]}}]}
    last = {"candidates": [{"groundingMetadata": {"webSearchQueries": ["a", "b"], "searchEntryPoint": {}}}]}
    facts = stream_usage(stream_of(first, last, first))
    assert (facts["grounding_queries"], facts["grounded"]) == (2, True)


def test_empty_grounding_is_none() -> None:
    assert document_usage(b'{"candidates":[{"groundingMetadata":{"webSearchQueries":[]}}]}') == {}
    chunks = b'{"candidates":[{"groundingMetadata":{"groundingChunks":[{"web":{}}]}}]}'
    assert document_usage(chunks) == {"grounded": True}
