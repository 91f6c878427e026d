"""No race exceeds a strict budget, though every answer costs the most that it can."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from gateway_core.model.calls.refusals import RefusalReason
from tests.e2e.conftest import chat
from tests.support.metered_calls import Metering, Reply
from tests.support.servers.scripted_upstream import Request, Script, json_answer

CREDIT = 10**9
RACING_CALLS = 200
LEAST_BYTES_OF_KEYS = 30
"""At least as many bytes of a body are no text, also where the gateway has written a limit."""
ROUNDS = 4
"""How often as many calls race again, so that the settled spend reaches the budget too."""

Usage = Callable[[Request], dict[str, object]]


def limit_of(request: Request, *names: str, otherwise: int) -> int:
    return next((request.json[name] for name in names if request.json.get(name) is not None), otherwise)


def openai_usage(window: int, output: int, choices: int = 1) -> Usage:
    """Returns usage of a Chat Completion or Completion that fills the window, and the limit that the provider received."""

    def usage(request: Request) -> dict[str, object]:
        limit = limit_of(request, "max_completion_tokens", "max_tokens", otherwise=output) * choices
        tokens = min(window, len(request.body) - LEAST_BYTES_OF_KEYS)
        return {"prompt_tokens": tokens, "completion_tokens": limit, "total_tokens": tokens + limit}

    return usage


def response_usage(window: int, output: int) -> Usage:
    def usage(request: Request) -> dict[str, object]:
        limit = limit_of(request, "max_output_tokens", otherwise=output)
        return {"input_tokens": window, "output_tokens": limit, "total_tokens": window + limit}

    return usage


def message_usage(tokens: int, output: int, searches: int = 0) -> Usage:
    used = {"server_tool_use": {"web_search_requests": searches}} if searches else {}
    return lambda _: {"input_tokens": tokens, "output_tokens": output, **used}


def gemini_usage(window: int, output: int, candidates: int = 1) -> Usage:
    def usage(request: Request) -> dict[str, object]:
        limit = request.json.get("generationConfig", {}).get("maxOutputTokens", output) * candidates
        tokens = min(window, len(request.body) - LEAST_BYTES_OF_KEYS)
        return {"promptTokenCount": tokens, "candidatesTokenCount": limit, "totalTokenCount": tokens + limit}

    return usage


@dataclass(frozen=True)
class Race:
    """Calls of one kind, and the dearest answer to each."""

    body: Mapping[str, object]
    usage: Usage
    path: str = "/v1/chat/completions"
    usage_key: str = "usage"
    headers: Mapping[str, str] = field(default_factory=dict)
    budget: int = CREDIT

    def answer(self, request: Request) -> Script:
        return json_answer({"id": "x", self.usage_key: self.usage(request)})


TEXT = {"contents": [{"parts": [{"text": "hi"}]}]}
QUESTION = [{"role": "user", "content": "hi"}]
OPEN = {"model": "gpt-4o", "messages": QUESTION}
IMAGE = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
SEARCH = [{"type": "web_search_20250305", "name": "web_search"}]
RACES = {
    "no output limit": Race(OPEN, openai_usage(128_000, 16_384)),
    "many choices": Race({**OPEN, "model": "gpt-4o-mini", "n": 8}, openai_usage(128_000, 16_384, 8)),
    "a response without a limit": Race(
        {"model": "gpt-5-mini", "input": "hi"}, response_usage(20, 128_000), "/v1/responses"
    ),
    "a picture of a URL": Race(
        {"model": "gpt-4o", "messages": [{"role": "user", "content": IMAGE}], "max_tokens": 5},
        openai_usage(1_000, 5),
    ),
    "prompt batch": Race(
        {"model": "gpt-3.5-turbo-instruct", "prompt": ["hi"] * 128, "max_tokens": 4_096},
        openai_usage(128 * 4_096, 4_096, 128),
        "/v1/completions",
        budget=2 * CREDIT,
    ),
    "Gemini without a limit": Race(
        TEXT, gemini_usage(1_048_576, 65_536), "/v1beta/models/gemini-2.5-flash:generateContent", "usageMetadata"
    ),
    "Gemini candidates": Race(
        {**TEXT, "generationConfig": {"candidateCount": 4}},
        gemini_usage(1_048_576, 65_536, 4),
        "/v1beta/models/gemini-2.5-flash:generateContent",
        "usageMetadata",
    ),
    "tools of the provider": Race(
        {"model": "claude-haiku-4-5", "max_tokens": 1_000, "messages": QUESTION, "tools": SEARCH},
        message_usage(10 * 200_000, 10 * 1_000, 20),
        "/v1/messages",
        budget=5 * CREDIT,
    ),
    "a large window by flag": Race(
        {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "x" * 400_000}]},
        message_usage(400_000, 10),
        "/v1/messages",
        headers={"anthropic-beta": "context-1m-2025-08-07"},
    ),
    "embeddings": Race(
        {"model": "text-embedding-3-large", "input": ["x" * 4_000] * 200},
        lambda request: {"prompt_tokens": len(request.body), "total_tokens": len(request.body)},
        "/v1/embeddings",
    ),
}


async def race(metering: Metering, kind: Race) -> list[Reply]:
    """Lets calls race until the budget is spent. Returns all replies."""
    replies: list[Reply] = []
    for _ in range(ROUNDS):
        calls = (metering.call(kind.body, kind.path, headers=kind.headers) for _ in range(RACING_CALLS))
        replies += await asyncio.gather(*calls)
    return replies


@pytest.mark.parametrize("name", RACES)
async def test_racing_calls_never_overspend_a_strict_budget(metering: Metering, name: str) -> None:
    """Seen to fail in the mode BALANCED."""
    kind = RACES[name]
    metering.upstream.choose(kind.answer)
    await metering.tenant.guard("member", "mia", budget_nano_credits=kind.budget)
    await asyncio.sleep(0.3)
    replies = await race(metering, kind)
    assert {reply.status for reply in replies} <= {200, 402, 429}
    served = sum(reply.status == 200 for reply in replies)
    assert served > 0
    charged = await metering.charged(calls=served)
    assert charged.source == "provider"
    spent = sum(record["charge_nano_credits"] for record in await metering.tenant.records())
    assert 0 < spent <= kind.budget


async def test_a_call_that_names_no_output_limit_gets_one_when_little_is_left(metering: Metering) -> None:
    metering.upstream.choose(RACES["no output limit"].answer)
    await metering.tenant.guard("member", "mia", budget_nano_credits=2 * CREDIT)
    await asyncio.sleep(0.3)
    reply = await metering.call(OPEN)
    (request,) = metering.upstream.requests
    limit = request.json["max_completion_tokens"]
    assert 1_024 <= limit < 16_384
    assert reply.headers["x-megarouter-output-limit"] == str(limit)
    charged = await metering.charged()
    assert charged.nano_credits <= charged.hold_nano_credits <= 2 * CREDIT // 64


async def test_a_call_passes_untouched_while_enough_is_left(metering: Metering) -> None:
    metering.upstream.choose(RACES["no output limit"].answer)
    reply = await metering.call(OPEN)
    assert "x-megarouter-output-limit" not in reply.headers
    assert "max_completion_tokens" not in metering.upstream.requests[0].json


async def test_a_spent_budget_is_final_and_a_held_one_is_not(metering: Metering) -> None:
    answered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def answer(request: Request) -> Script:
        asyncio.run_coroutine_threadsafe(answered.wait(), loop).result(10)
        return RACES["no output limit"].answer(request)

    metering.upstream.choose(answer)
    call = chat(model="gpt-4o", max_tokens=10_000)
    await metering.tenant.guard("member", "mia", budget_nano_credits=CREDIT * 15 // 100)
    await asyncio.sleep(0.3)
    first = asyncio.create_task(metering.call(call))
    while not await metering.tenant.open_holds():
        await asyncio.sleep(0.01)
    waiting = await metering.call(call)
    assert (waiting.status, waiting.json["error"]["code"]) == (429, RefusalReason.BUDGET_IN_USE)
    assert waiting.headers["retry-after"] == "1"
    answered.set()
    assert (await first).status == 200
    await metering.charged()
    spent = await metering.call(call)
    assert (spent.status, spent.json["error"]["code"]) == (402, RefusalReason.BUDGET_EXHAUSTED)
    assert spent.headers["x-should-retry"] == "false"
