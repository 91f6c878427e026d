"""A short outage of a process loses no call: the journal has them all, and each is billed once."""

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable

import aiohttp
import asyncpg
import pytest
from redis.asyncio import Redis

from deploy.local.stack.specification import DEFAULT_CATALOG
from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.catalog_file import load_catalog
from tests.e2e.conftest import Post, Witness, chat, wait_settled
from tests.support.books import assert_books_agree
from tests.support.data.tenants import CREDIT, Tenant

Settled = Callable[[int], Awaitable[list[asyncpg.Record]]]


@pytest.mark.timeout(180)
async def test_calls_made_while_usage_service_is_down_are_billed_from_the_journal(
    stack: Stack, post: Post, tenant: Tenant, witness: Witness
) -> None:
    before = await witness.last_sequence()
    await asyncio.to_thread(stack.stop_process, "usage_service")
    try:
        for _ in range(40):
            assert (await post()).status == 200
        assert await tenant.records() == []
    finally:
        await asyncio.to_thread(stack.start_process, "usage_service")
    records = await wait_settled(tenant, 40, timeout_s=30)
    await assert_books_agree(
        tenant, load_catalog(DEFAULT_CATALOG), await witness.calls_after(before), records, 10_000 * CREDIT
    )


@pytest.mark.timeout(180)
async def test_killing_usage_service_under_load_loses_no_call(
    stack: Stack, post: Post, tenant: Tenant, witness: Witness
) -> None:
    before = await witness.last_sequence()
    places = asyncio.Semaphore(16)

    async def one(index: int) -> None:
        async with places:
            if index == 100:
                stack.kill("usage_service")
            assert (await post()).status == 200

    await asyncio.gather(*(one(index) for index in range(300)))
    records = await wait_settled(tenant, 300, timeout_s=60)
    await assert_books_agree(
        tenant, load_catalog(DEFAULT_CATALOG), await witness.calls_after(before), records, 10_000 * CREDIT
    )


@pytest.mark.timeout(180)
async def test_a_restart_of_envoy_cuts_no_call(stack: Stack, base_url: str, tenant: Tenant) -> None:
    """Callers keep their connections or open new ones. Each call is served completely, and no connection is refused.

    Seen to fail without `--drain-strategy immediate`, which adds `connection: close` to every answer during the drain: calls on
    kept connections went on, and were cut.
    """
    statuses: list[int] = []
    restarted = asyncio.Event()

    async def keep_calling(session: aiohttp.ClientSession, pause_s: float) -> None:
        headers = {"authorization": f"Bearer {tenant.key}", "x-mock-pace-ms": "20", "x-mock-chunks": "8"}
        while not restarted.is_set():
            async with session.post(
                f"{base_url}/v1/chat/completions", json=chat(stream=True), headers=headers
            ) as response:
                await response.read()
                statuses.append(response.status)
            await asyncio.sleep(pause_s)

    async with contextlib.AsyncExitStack() as clients:
        sessions = [await clients.enter_async_context(aiohttp.ClientSession()) for _ in range(12)]
        async with asyncio.TaskGroup() as calls:
            for number, session in enumerate(sessions):
                calls.create_task(keep_calling(session, pause_s=number % 4 * 0.1))
            await asyncio.sleep(1)
            await asyncio.to_thread(stack.restart, "envoy")
            before = len(statuses)
            await asyncio.sleep(1)
            restarted.set()
    assert before >= 12
    assert len(statuses) > before
    assert set(statuses) == {200}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["authz_service", "ratelimit_service", "redis"])
async def test_calls_are_refused_only_while_a_dependency_is_down(
    stack: Stack, post: Post, tenant: Tenant, witness: Witness, name: str
) -> None:
    # A call without a rate limit does not need ratelimit_service.
    await tenant.guard("member", "mia", requests_per_minute=1_000)
    assert (await post()).status == 200
    await asyncio.to_thread(stack.stop_process, name)
    try:
        before = await witness.last_sequence()
        reply = await post()
        assert reply.status == 503
        assert reply.json["error"]["code"] == "dependency_unavailable"
        assert await witness.last_sequence() == before
    finally:
        await asyncio.to_thread(stack.start_process, name)
    async with asyncio.timeout(30):
        while (await post()).status != 200:
            await asyncio.sleep(0.1)


@pytest.mark.timeout(180)
async def test_a_call_to_a_provider_that_is_down_gets_502_or_503_and_costs_nothing(
    stack: Stack, post: Post, tenant: Tenant
) -> None:
    await asyncio.to_thread(stack.stop_process, "mock_provider")
    try:
        reply = await post()
    finally:
        await asyncio.to_thread(stack.start_process, "mock_provider")
    assert reply.status in {502, 503}
    assert reply.json["error"]["code"] == "provider_unavailable"
    (record,) = await wait_settled(tenant, 1)
    assert (record["outcome"], record["charge_nano_credits"], record["detail"]) == ("VOIDED", 0, "provider_unavailable")


@pytest.mark.timeout(180)
async def test_a_forged_journal_line_is_not_charged(stack: Stack, post: Post, tenant: Tenant) -> None:
    assert (await post()).status == 200
    await wait_settled(tenant, 1)
    journal = stack.home.directory / "journal" / "usage.log"
    async with asyncio.timeout(30):
        while not (lines := [line for line in journal.read_text().splitlines() if tenant.organization in _hold(line)]):
            await asyncio.sleep(0.02)  # the stream may be ahead of the file
    hold, rest = lines[-1].split("\t", 1)
    version, claims, call, code = hold.split(".")
    # Well-formed: another hold of the same organization, with a code of the right length.
    other_call = call.replace(call.partition(",")[0], "hold-00000000000000000000000000")
    with journal.open("a") as file:
        for forged in (f"{version}.{claims}.{other_call}.{code[::-1]}", f"{version}.{claims}.{other_call}.{code}"):
            file.write(f"{forged}\t{rest}\n")
        file.write("no call\n")
    assert (await post()).status == 200
    await wait_settled(tenant, 2)
    await asyncio.sleep(2)
    assert len(await tenant.records()) == 2


def _hold(line: str) -> str:
    """Returns the claims in the hold of a journal line as JSON text, or an empty text for a malformed line."""
    claims = line.partition("\t")[0].split(".")[1:2]
    return base64.urlsafe_b64decode(claims[0] + "=" * (-len(claims[0]) % 4)).decode() if claims else ""


async def test_the_redis_counters_equal_postgresql_when_idle(
    post: Post, tenant: Tenant, settled: Settled, stack: Stack, database: asyncpg.Pool
) -> None:
    for _ in range(10):
        assert (await post()).status == 200
    await settled(10)
    redis = Redis.from_url(stack.environment["MEGAROUTER_REDIS_URL"], decode_responses=True)
    try:
        async with asyncio.timeout(30):
            while (pool := await redis.hgetall(f"mr:{{{tenant.organization}}}:pool"))["held"] != "0":
                await asyncio.sleep(0.05)
        assert int(pool["balance"]) == await tenant.balance()
        rows = await database.fetch("SELECT * FROM scope_spend WHERE organization_id = $1", tenant.organization)
        assert len(rows) == 7
        for row in rows:
            counter = await redis.hgetall(f"mr:{{{tenant.organization}}}:c:{row['counter']}")
            assert (int(counter["settled"]), counter["held"]) == (row["settled_nano_credits"], "0")
    finally:
        await redis.aclose()
