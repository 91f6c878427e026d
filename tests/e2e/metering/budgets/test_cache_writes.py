"""A message holds the price of cache writes only if its input may be written to a cache."""

import json
from collections.abc import Mapping

import pytest

from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import json_answer

MESSAGES = "/v1/messages"
MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "QUJD" * 10_000}
READ, WRITE, OUTPUT = 1_000, 2_000, 5_000
"""Nano-credits per token of claude-haiku-4-5."""
WINDOW = 200_000
USAGE = {"input_tokens": 9, "output_tokens": 1}
ANSWER = {"id": "m", "type": "message", "model": "claude-haiku-4-5", "content": [], "usage": USAGE}


def message(*, document: Mapping[str, object] | None = None, **fields: object) -> dict[str, object]:
    content: list[object] = [{"type": "document", "source": PDF, **(document or {})}]
    return {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": content}], **fields}


@pytest.mark.parametrize(
    ("body", "price"),
    [
        (message(), READ),
        (message(**MARK), WRITE),
        (message(document=MARK), WRITE),
        (message(system=[{"type": "text", "text": "x", **MARK}]), WRITE),
        (message(tools=[{"name": "mine", "input_schema": {"type": "object"}, **MARK}]), WRITE),
        (message(tools=[{"name": "mine", "input_schema": {"type": "object"}}]), READ),
    ],
)
async def test_a_document_holds_the_price_of_a_cache_write_only_if_something_is_marked(
    metering: Metering, body: dict[str, object], price: int
) -> None:
    metering.upstream.answer(json_answer(ANSWER))
    reply = await metering.call(body, MESSAGES)
    assert reply.status == 200, reply.text
    assert (await metering.charged()).hold_nano_credits == WINDOW * price + 10 * OUTPUT


async def test_a_tool_that_the_provider_runs_may_write_the_cache_by_itself(metering: Metering) -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    metering.upstream.answer(json_answer(ANSWER))
    assert (await metering.call(message(tools=tools), MESSAGES)).status == 200
    hold = (await metering.charged()).hold_nano_credits
    assert hold == 10 * (WINDOW * WRITE + 10 * OUTPUT) + 20 * 10_000_000


async def test_a_tool_that_the_caller_runs_holds_one_round_and_its_description(metering: Metering) -> None:
    tools = [{"type": "bash_20250124", "name": "bash"}]
    body = {
        "model": "claude-haiku-4-5",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "x"}],
        "tools": tools,
    }
    metering.upstream.answer(json_answer(ANSWER))
    assert (await metering.call(body, MESSAGES)).status == 200
    hold = (await metering.charged()).hold_nano_credits
    assert hold == (len(json.dumps(body)) + 2 * 2_000) * READ + 10 * OUTPUT


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({"tools": [{"name": "mine", "input_schema": {"type": "object"}}]}, 2_000),
        ({"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}}, 0),
    ],
)
async def test_tools_hold_the_prompt_that_explains_them(
    metering: Metering, fields: dict[str, object], tokens: int
) -> None:
    body = {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "x"}], **fields}
    metering.upstream.answer(json_answer(ANSWER))
    assert (await metering.call(body, MESSAGES)).status == 200
    hold = (await metering.charged()).hold_nano_credits
    assert hold == (len(json.dumps(body)) + tokens) * READ + 10 * OUTPUT


async def test_a_compaction_holds_what_it_reads_and_writes(metering: Metering) -> None:
    edits = {"edits": [{"type": "compact_20260112"}]}
    body = message(context_management=edits)
    read = {"input_tokens": 180_000, "output_tokens": 3_500}
    answered = {"input_tokens": 23_000, "output_tokens": 10}
    usage = {**answered, "iterations": [{"type": "compaction", **read}, {"type": "message", **answered}]}
    metering.upstream.answer(json_answer({**ANSWER, "usage": usage}))
    assert (await metering.call(body, MESSAGES, headers={"anthropic-beta": "compact-2026-01-12"})).status == 200
    charged = await metering.charged()
    assert charged.nano_credits == 203_000 * READ + 3_510 * OUTPUT
    assert charged.hold_nano_credits == 2 * WINDOW * READ + (10 + 64_000) * OUTPUT


async def test_a_cache_write_that_nothing_marked_is_charged_all_the_same(metering: Metering) -> None:
    usage = {"input_tokens": 9, "cache_creation_input_tokens": 100_000, "output_tokens": 1}
    metering.upstream.answer(json_answer({**ANSWER, "usage": usage}))
    assert (await metering.call(message(), MESSAGES)).status == 200
    assert (await metering.charged()).nano_credits == 9 * READ + 100_000 * 1_250 + OUTPUT
