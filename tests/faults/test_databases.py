"""PostgreSQL or Redis is slow, unreachable or dead under load. Calls wait or are refused, and served calls are billed once.

PostgreSQL: seen to fail without both the retry of settlement batches and the journal (5 to 27 of 70 calls without a record; 1 of
239 when frozen). Either alone is enough. A stalled connection was survived without these two. It was seen to fail when the
splitting of a failed batch, which also retries, was removed too: 57 of 265 calls without a record.

Redis: SIGKILL and shutdown were seen to fail without the detection of closed connections (counters are not followed any more). Cut
and reset were seen to fail without both the catching up of counters and the comparison of open holds with the holds table. Frozen
and stalled were seen to fail without both the release of abandoned holds and that comparison. In each pair, either alone is enough.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.conftest import DATABASE_TIMEOUT_S, World, survive
from tests.support.faults.databases import Postgres, Redis, Server

OUTAGE_S = DATABASE_TIMEOUT_S + 1
"""Longer than the statement timeout, so that statements under way are abandoned and retried."""


async def freeze(server: Server) -> float:
    server.freeze()
    await asyncio.sleep(OUTAGE_S)
    mended_s = time.monotonic()
    server.thaw()
    return mended_s


async def stall(server: Server) -> float:
    server.proxy.stall()
    await asyncio.sleep(OUTAGE_S)
    mended_s = time.monotonic()
    server.proxy.restore()
    return mended_s


async def cut(server: Server) -> float:
    server.proxy.cut()
    await asyncio.sleep(1)
    mended_s = time.monotonic()
    server.proxy.restore()
    return mended_s


async def reset(server: Server) -> float:
    for _ in range(10):
        server.proxy.reset_connections()
        await asyncio.sleep(0.07)
    return time.monotonic()


async def kill(server: Server) -> float:
    await server.kill()
    await server.start()
    return time.monotonic()


async def shut_down(server: Server) -> float:
    await server.terminate()
    await server.start()
    return time.monotonic()


FAULTS: dict[str, Callable[[Server], Awaitable[float]]] = {
    f"frozen for {OUTAGE_S} s": freeze,
    f"connection stalled for {OUTAGE_S} s": stall,
    "connection cut for 1 s": cut,
    "connections reset ten times": reset,
    "SIGKILL": kill,
    "shut down and started": shut_down,
}


@pytest.fixture(params=["PostgreSQL", "Redis"])
def server(request: pytest.FixtureRequest, postgres: Postgres, redis: Redis) -> Server:
    return postgres if request.param == "PostgreSQL" else redis


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", FAULTS)
async def test_served_calls_are_billed_once_after_a_database_fails_under_load(
    world: World, server: Server, fault: str
) -> None:
    """PostgreSQL keeps what it committed. Redis comes back empty, and its counters and open holds are rebuilt."""
    total = await survive(world, f"{server.name}: {fault}", lambda: FAULTS[fault](server))
    assert total.unconfirmed == 0
