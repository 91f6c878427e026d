"""What costs money and is no plain token: tools, tiers, modalities, and models that answer instead of another."""

import pytest

from tests.e2e.metering.cases import (
    CHAT,
    MESSAGES,
    RESPONSES,
    Case,
    chat,
    check,
    completion,
    message,
    messages,
    parametrized,
)
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import json_answer

HAIKU = "claude-haiku-4-5"
USAGE: dict[str, object] = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
COUNTED: dict[str, object] = {"input_tokens": 12, "output_tokens": 3}
GEMINI = "/v1beta/models/{}:generateContent"
CONTENTS = {"contents": [{"parts": [{"text": "Why?"}]}]}


def gemini(usage: dict[str, object], grounding: dict[str, object] | None = None, **fields: object) -> object:
    candidate = {"content": {"parts": [{"text": "Because."}]}, "groundingMetadata": grounding or {}}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash", **fields}


CASES = [
    Case(
        "web searches of Anthropic",
        MESSAGES,
        messages(HAIKU),
        message(HAIKU, {**COUNTED, "server_tool_use": {"web_search_requests": 20, "web_fetch_requests": 2}}),
        12_000 + 15_000 + 20 * 10_000_000,
    ),
    Case(
        "hosted tools of a response",
        RESPONSES,
        {"model": "gpt-5", "input": "Why?"},
        json_answer(
            {
                "id": "r1",
                "model": "gpt-5",
                "output": [
                    {"type": "web_search_call", "status": "completed"},
                    {"type": "web_search_call", "status": "completed"},
                    {"type": "file_search_call", "status": "completed"},
                    {"type": "message", "content": [{"type": "output_text", "text": "Because."}]},
                ],
                "usage": COUNTED,
            }
        ),
        12 * 1_250 + 3 * 10_000 + 2 * 10_000_000 + 2_500_000,
    ),
    Case(
        "grounding of Gemini",
        GEMINI.format("gemini-2.5-flash"),
        CONTENTS,
        json_answer(
            gemini(
                {"promptTokenCount": 12, "candidatesTokenCount": 3, "totalTokenCount": 15},
                {"webSearchQueries": ["a", "b"], "groundingChunks": [{"web": {"uri": "https://a.example"}}]},
            )
        ),
        12 * 300 + 3 * 2_500 + 35_000_000,
    ),
    Case(
        "sources of live search",
        CHAT,
        chat("grok-4.7"),
        completion("grok-4.7", {**USAGE, "num_sources_used": 4}),
        12 * 2_000 + 3 * 6_000 + 4 * 25_000_000,
    ),
    Case(
        "another model of the catalog answers",
        CHAT,
        chat("gpt-4o-mini"),
        completion("gpt-4o-2024-08-06", USAGE),
        12 * 2_500 + 3 * 10_000,
    ),
    Case("a snapshot answers", CHAT, chat("gpt-4o"), completion("gpt-4o-2024-08-06", USAGE), 60_000),
    Case(
        "a model answers that the catalog does not have",
        CHAT,
        chat("gpt-4o"),
        completion("gpt-9-unheard", USAGE),
        60_000,
        kinds=frozenset({"unknown_model"}),
    ),
    Case(
        "a tier without a price",
        CHAT,
        chat("gpt-4o"),
        completion("gpt-4o", USAGE, service_tier="galactic"),
        60_000,
        kinds=frozenset({"unpriced"}),
    ),
    Case(
        "a tier of Gemini that the caller did not request",
        GEMINI.format("gemini-2.5-flash"),
        CONTENTS,
        json_answer(
            gemini({"promptTokenCount": 12, "candidatesTokenCount": 4, "totalTokenCount": 16, "serviceTier": "FLEX"})
        ),
        12 * 150 + 4 * 1_250,
    ),
]


@parametrized(CASES)
async def test_everything_that_was_used_is_charged(case: Case, metering: Metering) -> None:
    await check(case, metering)


@pytest.mark.parametrize(("search", "rounds"), [({"mode": "off"}, 0), ({"mode": "auto"}, 10), ({}, 10)])
async def test_a_live_search_that_is_off_holds_no_search(
    metering: Metering, search: dict[str, object], rounds: int
) -> None:
    """A search of grok-4.7 holds ten rounds with a window of 500,000 tokens, and as long an answer, at long-context prices."""
    metering.upstream.answer(completion("grok-4.7", USAGE))
    reply = await metering.call(chat("grok-4.7", max_tokens=10, search_parameters=search), CHAT)
    assert reply.status == 200, reply.text
    assert metering.upstream.requests[0].json["search_parameters"] == search
    hold = (await metering.charged()).hold_nano_credits
    with_search = rounds * (500_000 * 4_000 + 10 * 12_000) + 2 * rounds * 25_000_000
    assert hold == with_search if rounds else hold < 1_000_000


async def test_the_record_names_tier_speed_and_place(metering: Metering) -> None:
    usage = {**COUNTED, "service_tier": "priority", "speed": "fast", "inference_geo": "us"}
    metering.upstream.answer(message("claude-opus-4-8", usage))
    await metering.call(messages("claude-opus-4-8"), MESSAGES)
    record = (await metering.charged()).record
    assert (record["service_tier"], record["speed"], record["place"]) == ("priority", "fast", "us")
