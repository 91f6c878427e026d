"""Strictly sequential calls are never refused because of the call before: neither its place nor its hold outlives it."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import asyncpg
import pytest

from tests.e2e.conftest import Post, wait_settled
from tests.support.data.tenants import Tenant, make_tenant, until_applied
from tests.support.faults.load import Load

CALLS = int(os.environ.get("SEQUENTIAL_CALLS", "400"))
LOAD_PLACES = 32
SETTLE_TIMEOUT_S = 60
OUTPUT_TOKENS = 50
INPUT_PRICE, OUTPUT_PRICE = 150, 600
"""Nano-credits per token of gpt-4o-mini."""


@asynccontextmanager
async def saturated(session: aiohttp.ClientSession, base_url: str, others: list[Tenant]) -> AsyncIterator[None]:
    """Saturates the gateway with calls of other keys while the context is open."""
    async with Load(session, base_url, others, places=LOAD_PLACES, calls_max=10**6) as load:
        await asyncio.sleep(1)
        yield
    assert len(load.served) > CALLS


async def guard_exactly(post: Post, tenant: Tenant) -> int:
    """Allows one call at a time, and budgets for exactly so many calls. Returns the charge of a call.

    A strict hold is more than the charge, so the budget of the last call has room for its hold only if all others have
    given back what they did not use.
    """
    assert (await post()).status == 200
    (record,) = await wait_settled(tenant, 1)
    hold, charge = record["hold_nano_credits"], record["charge_nano_credits"]
    assert charge < hold
    await tenant.guard("member", "mia", concurrency_limit=1)
    await tenant.guard("api_key", tenant.key_id, budget_nano_credits=CALLS * charge + hold)
    await until_applied()
    return int(charge)


async def expect_all_served(post: Post, tenant: Tenant) -> None:
    charge = await guard_exactly(post, tenant)
    statuses = Counter([(await post()).status for _ in range(CALLS)])
    assert statuses == {200: CALLS}
    records = await wait_settled(tenant, 1 + CALLS, SETTLE_TIMEOUT_S)
    assert sum(record["charge_nano_credits"] for record in records) == (1 + CALLS) * charge
    beyond = await post()
    assert (beyond.status, beyond.json["error"]["code"]) == (402, "budget_exhausted")


@pytest.mark.timeout(180)
async def test_sequential_calls_pass_one_place_and_an_exact_budget(post: Post, tenant: Tenant) -> None:
    """Seen to fail without the wait and the notice: of 20 calls 19 got 429."""
    await expect_all_served(post, tenant)


@pytest.mark.timeout(300)
async def test_sequential_calls_pass_while_other_keys_saturate_the_gateway(
    post: Post, tenant: Tenant, session: aiohttp.ClientSession, base_url: str, database: asyncpg.Pool, pepper: bytes
) -> None:
    others = [await make_tenant(database, pepper) for _ in range(2)]
    async with saturated(session, base_url, others):
        await expect_all_served(post, tenant)


async def test_sequential_calls_spend_the_last_nano_credit_of_a_budget(post: Post, tenant: Tenant) -> None:
    """Each call costs exactly what it holds."""
    assert (await post()).status == 200
    (record,) = await wait_settled(tenant, 1)
    hold = record["hold_nano_credits"]
    input_tokens = (hold - OUTPUT_TOKENS * OUTPUT_PRICE) // INPUT_PRICE
    usage = {"x-mock-input-tokens": str(input_tokens), "x-mock-output-tokens": str(OUTPUT_TOKENS)}
    await tenant.guard("member", "mia", concurrency_limit=1)
    await tenant.guard("api_key", tenant.key_id, budget_nano_credits=record["charge_nano_credits"] + 50 * hold)
    await until_applied()
    assert {(await post(headers=usage)).status for _ in range(50)} == {200}
    assert (await post(headers=usage)).status == 402
    records = await wait_settled(tenant, 51)
    assert {record["charge_nano_credits"] for record in records[1:]} == {hold}
