"""Uses of hosted tools, wherever providers report them."""

from typing import Any

import pytest

from gateway_core.model.endpoints import Endpoint
from tests.unit.usage_service.provider_reports.reports import streamed
from usage_service.provider_reports.report import read_report
from usage_service.provider_reports.uses import MAX_FEES


def uses(endpoint: Endpoint, facts: dict[str, Any]) -> dict[str, int]:
    return dict(read_report(endpoint, facts).reading.usage.uses)


@pytest.mark.parametrize(
    ("endpoint", "objects", "expected"),
    [
        (
            Endpoint.MESSAGES,
            {"usage": {"output_tokens": 1, "server_tool_use": {"web_search_requests": 20, "web_fetch_requests": 3}}},
            {"web_search": 20, "web_fetch": 3},
        ),
        (
            Endpoint.MESSAGES,
            {
                "start_usage": {"server_tool_use": {"web_search_requests": 2}},
                "usage": {"output_tokens": 1, "server_tool_use": {"web_search_requests": 0}},
            },
            {"web_search": 2},
        ),
        (
            Endpoint.MESSAGES,
            {"start_usage": {"input_tokens": 1}, "tool_items": {"web_search_tool_result": 2}},
            {"web_search": 2},
        ),
        (
            Endpoint.MESSAGES,
            {
                "usage": {"output_tokens": 1, "server_tool_use": {"web_search_requests": 3}},
                "tool_items": {"web_search_tool_result": 2},
            },
            {"web_search": 3},
        ),
        (
            Endpoint.RESPONSES,
            {
                "tool_items": {
                    "web_search_call": 2,
                    "code_interpreter_call": 1,
                    "file_search_call": 1,
                    "image_generation_call": 1,
                    "function_call": 9,
                    "mcp_call": 9,
                }
            },
            {"web_search": 2, "code_interpreter": 1, "file_search": 1, "image_generation": 1},
        ),
        (
            Endpoint.RESPONSES,
            {"tool_items": {"web_search_call": 2}, "tool_usage": {"web_search": {"num_requests": 5}, "other": 7}},
            {"web_search": 5},
        ),
        (Endpoint.CHAT_COMPLETIONS, {"usage": {"num_sources_used": 12}}, {"live_search_source": 12}),
        (
            Endpoint.CHAT_COMPLETIONS,
            {"usage": {"server_side_tool_usage_details": {"web_search_calls": 3, "x_search_calls": 1, "mcp_calls": 9}}},
            {"web_search": 3, "x_search": 1},
        ),
        (Endpoint.RERANK, {"usage": {"search_units": 2}}, {"search_unit": 2}),
        (Endpoint.CHAT_COMPLETIONS, {"usage": {"prompt_tokens": 1}}, {}),
    ],
)
def test_uses_are_counted_under_their_fees(
    endpoint: Endpoint, objects: dict[str, Any], expected: dict[str, int]
) -> None:
    assert uses(endpoint, streamed(**objects)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"grounding_queries": 3, "grounded": True}, {"grounding": 3, "grounding_query": 3}),
        ({"grounded": True}, {"grounding": 1, "grounding_query": 1}),
        ({"grounded": False}, {}),
        ({"grounding_queries": 0}, {}),
    ],
)
def test_grounding_is_counted_by_query_and_at_least_once(facts: dict[str, Any], expected: dict[str, int]) -> None:
    assert uses(Endpoint.GENERATE_CONTENT, facts) == expected


@pytest.mark.parametrize("count", [-1, "many", True, None, 2**70])
def test_what_is_no_count_is_no_use(count: object) -> None:
    assert uses(Endpoint.RESPONSES, streamed(tool_items={"web_search_call": count})) == {}


def test_names_and_their_number_are_bounded() -> None:
    items = {f"tool{number}_call": 1 for number in range(100)} | {"Not a name": 1, "x" * 50: 1}
    assert len(uses(Endpoint.RESPONSES, streamed(tool_items=items))) == MAX_FEES
