"""Guards of a call other than budgets and requests per minute, through Envoy."""

import asyncio
import datetime as dt
import os
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret
from tests.e2e.conftest import Post, chat
from tests.support.data.tenants import Tenant, until_applied

Settled = Callable[[int], Awaitable[list[asyncpg.Record]]]
HELD = {"x-mock-stall-ms": "1500"}


async def shadow_counts(tenant: Tenant) -> dict[str, int]:
    rows = await tenant.database.fetch(
        "SELECT counter, shadow_refusal_count FROM scope_spend WHERE organization_id = $1 AND shadow_refusal_count > 0",
        tenant.organization,
    )
    return {counter.partition(":")[0]: count for counter, count in rows}


@pytest.mark.parametrize(
    ("whitelist", "status"),
    [(["provider:openai"], 200), (["provider:anthropic"], 403), (["gpt-4o-mini/*"], 403), (["gpt-4o-mini"], 200)],
)
async def test_a_whitelist_of_patterns_allows_matching_models_only(
    post: Post, tenant: Tenant, whitelist: list[str], status: int
) -> None:
    await tenant.guard("group", "g2", model_whitelist=whitelist)
    await until_applied()
    reply = await post()
    assert reply.status == status
    assert status == 200 or reply.json["error"]["code"] == "model_not_allowed"


async def test_a_key_is_refused_from_addresses_that_are_not_on_its_list(post: Post, tenant: Tenant) -> None:
    allow = "UPDATE api_keys SET ip_allow_list = $2 WHERE organization_id = $1"
    await tenant.database.execute(allow, tenant.organization, ["127.0.0.0/8"])
    await until_applied()
    assert (await post()).status == 200
    await tenant.database.execute(allow, tenant.organization, ["192.0.2.0/24"])
    await until_applied()
    # An address that the client claims is ignored.
    for headers in ({}, {"x-forwarded-for": "192.0.2.1"}):
        reply = await post(headers=headers)
        assert (reply.status, reply.json["error"]["code"]) == (403, "ip_not_allowed")
    messages = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]}
    reply = await post(messages, path="/v1/messages")
    assert (reply.status, reply.json["error"]["type"]) == (403, "permission_error")


async def test_both_secrets_of_a_rotated_key_are_valid_until_the_overlap_ends(post: Post, tenant: Tenant) -> None:
    new = API_KEY.make(os.urandom(32))
    await tenant.database.execute(
        "UPDATE api_keys SET previous_secret_hash = secret_hash, previous_expire_time = $2, secret_hash = $3"
        " WHERE organization_id = $1",
        tenant.organization, dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2), hash_secret(new, tenant.pepper),
    )  # fmt: skip
    await until_applied()
    assert [(await post(key=key)).status for key in (tenant.key, new)] == [200, 200]
    await asyncio.sleep(2)
    old = await post()
    assert (old.status, old.json["error"]["code"]) == (401, "key_expired")
    assert (await post(key=new)).status == 200


async def test_a_guardrail_in_shadow_mode_counts_each_call_once_and_lets_it_pass(
    post: Post, tenant: Tenant, settled: Settled
) -> None:
    await tenant.guard("member", "mia", budget_nano_credits=0, requests_per_minute=0, mode="SHADOW")
    await tenant.guard("api_key", "key-1", requests_per_minute=2, mode="SHADOW")
    await tenant.guard("group", "g1", model_whitelist=[], mode="SHADOW")
    await until_applied()
    replies = [await post() for _ in range(3)]
    assert [reply.status for reply in replies] == [200] * 3
    assert not any(name.startswith("x-ratelimit") for name in replies[2].headers)
    await settled(3)
    assert await shadow_counts(tenant) == {"member": 3, "group": 3, "api_key": 1}


async def test_tokens_per_minute_are_reserved_and_corrected(post: Post, tenant: Tenant, settled: Settled) -> None:
    await tenant.guard("member", "mia", tokens_per_minute=1_100)
    await until_applied()
    assert (await post(chat(max_tokens=1_000), headers={"x-mock-output-tokens": "5"})).status == 200
    await settled(1)
    async with asyncio.timeout(30):  # settlement releases the tokens that the call did not use
        while (await post(chat(max_tokens=900), headers={"x-mock-output-tokens": "5"})).status != 200:
            await asyncio.sleep(0.1)
    refused = await post(chat(max_tokens=5_000))
    assert (refused.status, refused.json["error"]["code"]) == (429, "tokens_rate_limited")
    assert refused.headers["x-ratelimit-limit-tokens"] == "1100"
    assert refused.headers["x-should-retry"] == "false"


async def test_concurrent_calls_are_limited_until_earlier_calls_are_settled(
    post: Post, tenant: Tenant, settled: Settled
) -> None:
    await tenant.guard("api_key", "key-1", concurrency_limit=2)
    await until_applied()
    replies = await asyncio.gather(*(post(headers=HELD) for _ in range(6)))
    assert sorted(reply.status for reply in replies) == [200] * 2 + [429] * 4
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.json["error"]["code"] == "too_many_concurrent_calls"
    assert refused.headers["retry-after"] == "1"
    await settled(2)
    async with asyncio.timeout(30):
        while (await post()).status != 200:
            await asyncio.sleep(0.1)
