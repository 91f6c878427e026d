"""Callers rate answers to their own calls, and calls say how they ended."""

import asyncio

import aiohttp
import asyncpg
import pytest

from tests.e2e.conftest import Post, Reply
from tests.e2e.routing.test_routed_calls import FOR_SUMMARIES, Settled, add_virtual_model, routed, set_policy, summary
from tests.support.data.tenants import Tenant

FEEDBACK = "/v1/feedback"
UNKNOWN = "3f0a1c2e-9d4b-4a6f-8c11-0123456789ab"


async def rated(tenant: Tenant) -> list[asyncpg.Record]:
    return list(
        await tenant.database.fetch("SELECT * FROM call_ratings WHERE organization_id = $1", tenant.organization)
    )


async def answered(post: Post, tenant: Tenant, **fields: object) -> Reply:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE")
    reply = await post(summary(**fields), headers=FOR_SUMMARIES)
    assert reply.status == 200, reply.text
    return reply


async def test_a_caller_rates_an_answer_by_its_request_id(post: Post, tenant: Tenant, settled: Settled) -> None:
    reply = await answered(post, tenant)
    sent = {"id": reply.headers["x-request-id"], "rating": "bad", "reason": "incomplete"}
    taken = await post(sent, path=FEEDBACK)
    assert taken.status == 200, taken.text
    assert taken.json["status"] in {"recorded", "pending"}
    await settled(1)
    assert (await post({**sent, "rating": "good", "reason": None}, path=f"{FEEDBACK}/")).json["status"] == "recorded"
    [call], [rating] = await routed(tenant), await rated(tenant)
    assert (rating["hold_id"], rating["rating"], rating["reason"]) == (call["hold_id"], "good", None)
    assert call["turns"] == 1


async def test_an_unknown_call_and_text_of_ones_own_are_refused(post: Post, tenant: Tenant) -> None:
    unknown = await post({"id": UNKNOWN, "rating": "bad"}, path=FEEDBACK)
    assert (unknown.status, unknown.json["error"]["code"]) == (404, "call_not_found")
    wordy = await post({"id": UNKNOWN, "rating": "bad", "comment": "It was wrong."}, path=FEEDBACK)
    assert (wordy.status, wordy.json["error"]["param"]) == (400, "body")
    stranger = await post({"id": UNKNOWN, "rating": "bad"}, path=FEEDBACK, key="mr-unknown")
    assert stranger.status == 401
    assert await rated(tenant) == []


async def test_a_rating_in_the_middle_of_a_stream_is_not_lost(
    post: Post, tenant: Tenant, settled: Settled, base_url: str, session: aiohttp.ClientSession
) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE")
    headers = {
        "authorization": f"Bearer {tenant.key}",
        "x-mock-chunks": "15",
        "x-mock-pace-ms": "200",
        **FOR_SUMMARIES,
    }
    async with session.post(f"{base_url}/v1/chat/completions", json=summary(stream=True), headers=headers) as stream:
        taken = await post({"id": stream.headers["x-request-id"], "rating": "bad"}, path=FEEDBACK)
        assert taken.json["status"] == "pending", taken.text
        await stream.read()
    await settled(1)
    [call] = await routed(tenant)
    async with asyncio.timeout(30):
        while [one["hold_id"] for one in await rated(tenant)] != [call["hold_id"]]:
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("streams", [False, True])
async def test_an_answer_that_is_cut_off_says_so_in_the_record(
    post: Post, tenant: Tenant, settled: Settled, *, streams: bool
) -> None:
    await answered(post, tenant, stream=streams, max_tokens=1)
    await settled(1)
    [call] = await routed(tenant)
    assert call["signals"] == ["truncated"]


async def test_a_call_that_the_provider_fails_says_so_in_the_record(
    post: Post, tenant: Tenant, settled: Settled
) -> None:
    await add_virtual_model(tenant)
    await set_policy(tenant, mode="LIVE")
    assert (await post(summary(), headers={"x-mock-fail": "500", **FOR_SUMMARIES})).status == 500
    await settled(1)
    [call] = await routed(tenant)
    assert call["signals"] == ["failed"]
