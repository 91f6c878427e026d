"""For any behavior of a provider or caller, the call ends with an accurate error, a settled hold and an accurate record."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import aiohttp
import asyncpg
import pytest

from tests.e2e.conftest import Post, Witness, chat
from tests.support.books import counted, recorded
from tests.support.clients.sdk_calls import connect
from tests.support.data.tenants import Tenant, until_applied

Settled = Callable[[int], Awaitable[list[asyncpg.Record]]]

MESSAGES_BODY = {"model": "claude-sonnet-5", "max_tokens": 200, "messages": [{"role": "user", "content": "hi"}]}
CONTENT_BODY = {"contents": [{"parts": [{"text": "hi"}]}]}
STREAMS = {
    "chat": ("/v1/chat/completions", chat(stream=True, max_tokens=200)),
    "completions": (
        "/v1/completions",
        {"model": "gpt-3.5-turbo-instruct", "prompt": "hi", "max_tokens": 200, "stream": True},
    ),
    "responses": ("/v1/responses", {"model": "gpt-5", "input": "hi", "max_output_tokens": 200, "stream": True}),
    "messages": ("/v1/messages", {**MESSAGES_BODY, "stream": True}),
    "gemini": ("/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", CONTENT_BODY),
}


@pytest.mark.parametrize("status", [400, 429, 500, 503])
async def test_a_providers_error_reaches_the_caller_and_costs_nothing(
    post: Post, settled: Settled, status: int
) -> None:
    reply = await post(headers={"x-mock-fail": str(status)})
    assert reply.status == status
    assert "error" in reply.json
    (record,) = await settled(1)
    assert (record["detail"], record["charge_nano_credits"], record["http_status"]) == ("provider_error", 0, status)


async def test_an_error_body_with_status_200_costs_nothing(post: Post, settled: Settled) -> None:
    reply = await post(headers={"x-mock-error-body": "200"})
    assert reply.status == 200
    assert "error" in reply.json
    (record,) = await settled(1)
    assert (record["detail"], record["charge_nano_credits"], record["source"]) == ("provider_error", 0, "none")


@pytest.mark.parametrize("stream", STREAMS)
async def test_a_call_without_a_usage_report_is_estimated_within_its_hold_and_marked(
    post: Post, settled: Settled, stream: str
) -> None:
    path, body = STREAMS[stream]
    assert (await post(body, path=path, headers={"x-mock-omit-usage": "1"})).status == 200
    (record,) = await settled(1)
    assert record["source"] == "estimated"
    assert 0 < record["charge_nano_credits"] <= record["hold_nano_credits"]


async def test_a_stream_without_requested_usage_is_billed_exactly(
    post: Post, witness: Witness, settled: Settled
) -> None:
    before = await witness.last_sequence()
    reply = await post(chat(stream=True, max_tokens=200))
    assert reply.status == 200
    assert '"choices": []' not in reply.text.replace('"choices":[]', '"choices": []')
    assert reply.text.rstrip().endswith("data: [DONE]")
    (call,) = await witness.calls_after(before)
    (record,) = await settled(1)
    assert call["body"]["stream_options"] == {"include_usage": True}
    assert (record["source"], recorded(record)) == ("provider", counted(call))


@pytest.mark.parametrize("stream", STREAMS)
async def test_a_caller_who_disconnects_during_the_answer_pays(
    base_url: str, tenant: Tenant, session: aiohttp.ClientSession, settled: Settled, stream: str
) -> None:
    path, body = STREAMS[stream]
    headers = {"authorization": f"Bearer {tenant.key}", "x-mock-pace-ms": "50", "x-mock-chunks": "40"}
    async with session.post(base_url + path, json=body, headers=headers) as response:
        assert response.status == 200
        await response.content.readany()
        await until_applied()
        response.close()
    (record,) = await settled(1)
    assert record["charge_nano_credits"] > 0
    assert "DC" in record["response_flags"]


async def test_a_caller_who_disconnects_before_the_answer_pays_for_the_input(
    base_url: str, tenant: Tenant, session: aiohttp.ClientSession, settled: Settled, witness: Witness
) -> None:
    headers = {"authorization": f"Bearer {tenant.key}", "x-mock-stall-ms": "60000"}
    calling = asyncio.ensure_future(session.post(f"{base_url}/v1/chat/completions", json=chat(), headers=headers))
    async with asyncio.timeout(30):
        while not await witness.calls_under_way():
            await asyncio.sleep(0.02)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    (record,) = await settled(1)
    assert record["source"] == "estimated"
    assert 0 < record["charge_nano_credits"] <= record["hold_nano_credits"]


@pytest.mark.parametrize("stream", STREAMS)
async def test_a_provider_that_disconnects_during_the_answer_leaves_an_estimated_record(
    post: Post, settled: Settled, stream: str
) -> None:
    path, body = STREAMS[stream]
    with pytest.raises(aiohttp.ClientPayloadError):
        await post(body, path=path, headers={"x-mock-hang-up-after": "3", "x-mock-chunks": "10"})
    (record,) = await settled(1)
    assert record["outcome"] == "SETTLED"
    assert 0 < record["charge_nano_credits"] <= record["hold_nano_credits"]


@pytest.mark.parametrize("split", [1, 7, 64])
@pytest.mark.parametrize("stream", STREAMS)
async def test_a_stream_split_anywhere_is_billed_exactly(
    post: Post, witness: Witness, settled: Settled, stream: str, split: int
) -> None:
    path, body = STREAMS[stream]
    before = await witness.last_sequence()
    assert (await post(body, path=path, headers={"x-mock-split-bytes": str(split)})).status == 200
    (call,) = await witness.calls_after(before)
    (record,) = await settled(1)
    assert (record["source"], recorded(record)) == ("provider", counted(call))


async def test_a_terminal_event_of_megabytes_is_billed_exactly(post: Post, witness: Witness, settled: Settled) -> None:
    path, body = STREAMS["responses"]
    before = await witness.last_sequence()
    assert (await post(body, path=path, headers={"x-mock-event-bytes": str(3 * 1024 * 1024)})).status == 200
    (call,) = await witness.calls_after(before)
    (record,) = await settled(1)
    assert (record["source"], recorded(record)) == ("provider", counted(call))


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/v1/chat/completions", chat(), {"x-mock-cached-tokens": "5", "x-mock-input-tokens": "90"}),
        ("/v1/chat/completions", chat(model="gpt-5"), {"x-mock-reasoning-tokens": "40"}),
        ("/v1/chat/completions", chat(model="grok-4.3"), {"x-mock-reasoning-tokens": "40"}),
        ("/v1/responses", STREAMS["responses"][1], {"x-mock-reasoning-tokens": "64", "x-mock-cached-tokens": "3"}),
        (
            "/v1/messages",
            MESSAGES_BODY,
            {"x-mock-cached-tokens": "30", "x-mock-cache-write-tokens": "20", "x-mock-input-tokens": "99"},
        ),
        ("/v1/messages", STREAMS["messages"][1], {"x-mock-cache-write-1h-tokens": "25", "x-mock-input-tokens": "99"}),
        ("/v1/messages", STREAMS["messages"][1], {"x-mock-message-deltas": "4"}),
        (STREAMS["gemini"][0], CONTENT_BODY, {"x-mock-reasoning-tokens": "33", "x-mock-tool-use-tokens": "21"}),
        (
            "/v1beta/models/gemini-2.5-pro:generateContent",
            CONTENT_BODY,
            {"x-mock-input-tokens": "250000", "x-mock-cached-tokens": "1000"},
        ),
    ],
)
async def test_each_token_category_is_counted_once(
    post: Post, witness: Witness, settled: Settled, path: str, body: dict[str, object], headers: dict[str, str]
) -> None:
    before = await witness.last_sequence()
    assert (await post(body, path=path, headers=headers)).status == 200
    (call,) = await witness.calls_after(before)
    (record,) = await settled(1)
    assert (record["source"], recorded(record)) == ("provider", counted(call))
    assert record["reasoning_tokens"] == call["counts"]["reasoning"]


async def test_usage_beyond_the_hold_is_charged_in_full(post: Post, settled: Settled) -> None:
    assert (await post(chat(max_tokens=5), headers={"x-mock-output-tokens": "4000"})).status == 200
    (record,) = await settled(1)
    assert record["output_tokens"] + record["reasoning_tokens"] == 4000
    assert record["charge_nano_credits"] > record["hold_nano_credits"]


async def test_listing_the_models_of_a_key_is_free(base_url: str, tenant: Tenant, witness: Witness) -> None:
    before = await witness.last_sequence()
    await tenant.guard("api_key", "key-1", model_whitelist=["gpt-4o", "claude-sonnet-5", "gemini-2.5-pro"])
    await until_applied()
    sdks = connect(base_url, tenant.key)
    assert [model.id async for model in sdks.openai.models.list()] == ["claude-sonnet-5", "gemini-2.5-pro", "gpt-4o"]
    assert [model.id async for model in sdks.anthropic.models.list()] == ["claude-sonnet-5"]
    assert [model.name async for model in await sdks.gemini.aio.models.list()] == ["models/gemini-2.5-pro"]
    assert (await sdks.openai.models.retrieve("gpt-4o")).id == "gpt-4o"
    assert await witness.last_sequence() == before
    assert await tenant.records() == []


async def test_a_call_in_both_the_journal_and_the_stream_is_billed_once(
    post: Post, settled: Settled, tenant: Tenant
) -> None:
    for _ in range(5):
        assert (await post()).status == 200
    await settled(5)
    await asyncio.sleep(2)
    assert len(await tenant.records()) == 5
    charges = [json.loads(record["charge_lines"]) for record in await tenant.records()]
    assert all(charges)
