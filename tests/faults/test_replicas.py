"""One of three replicas of a service is killed under load: no call is refused, and none waits long."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from deploy.local.stack.state import Health
from deploy.local.supervision.embedded_stack import Stack
from tests.faults.conftest import World, open_world
from tests.support.faults.recovery import FIGURES
from tests.support.faults.steady_load import SteadyLoad
from tests.support.ports import free_port_base

REPLICAS = 3
CALLS_PER_SECOND = 120
QUIET_S = 4.0
AFTER_S = 4.0
SLOWER_BY_AT_MOST_S = 0.1
NOTICED_WITHIN_S = 0.5
"""Envoy avoids the dead replica by then."""


@pytest.fixture(scope="module")
async def spread(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    stack = Stack(tmp_path_factory.mktemp("replicas"), free_port_base(20), workers=REPLICAS)
    await asyncio.to_thread(stack.start)
    try:
        environment = stack.environment
        async with open_world(
            stack, environment["MEGAROUTER_DATABASE_URL"], environment["MEGAROUTER_REDIS_URL"]
        ) as opened:
            yield opened
    finally:
        await asyncio.to_thread(stack.stop)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("service", ["authz_service", "ratelimit_service"])
async def test_the_death_of_one_of_three_replicas_refuses_no_call(spread: World, service: str) -> None:
    """Seen to fail without Envoy's repetition of the question: the two calls that the replica was deciding got 503."""
    tenants = await spread.tenants()
    for tenant in tenants:
        await tenant.guard("member", "mia", requests_per_minute=100_000)
    before = await spread.witness.last_sequence()
    await asyncio.sleep(0.3)
    async with SteadyLoad(spread.session, spread.base_url, tenants, CALLS_PER_SECOND) as first:
        await asyncio.sleep(1.0)  # the first calls of an organization build its counters
    async with SteadyLoad(spread.session, spread.base_url, tenants, CALLS_PER_SECOND) as quiet:
        await asyncio.sleep(QUIET_S)
    async with SteadyLoad(spread.session, spread.base_url, tenants, CALLS_PER_SECOND) as load:
        await asyncio.sleep(1.0)
        killed_s = time.monotonic()
        spread.stack.kill(f"{service}-1")
        await asyncio.sleep(AFTER_S)
    calls = [*first.outcomes, *quiet.outcomes, *load.outcomes]
    FIGURES.notes.append(
        f"SIGKILL one of {REPLICAS} {service}: {len(load.outcomes)} calls, {len(load.refused)} refused, slowest"
        f" {load.slowest_s * 1000:.0f} ms; quiet: {len(quiet.outcomes)} calls, {len(quiet.refused)} refused, slowest"
        f" {quiet.slowest_s * 1000:.0f} ms"
    )
    assert [outcome.status for outcome in calls if not outcome.is_served] == []
    # Later, the new process takes the processor while it loads its modules, which says nothing about the dead one.
    struck_s = [one.ended_s - one.started_s for one in load.outcomes if one.started_s < killed_s + NOTICED_WITHIN_S]
    assert max(struck_s) < quiet.slowest_s + SLOWER_BY_AT_MOST_S
    total = await spread.check(tenants, [str(outcome.request_id) for outcome in calls], before)
    assert total.served == len(calls)
    await until_ready(spread.stack, f"{service}-1")


async def until_ready(stack: Stack, name: str) -> None:
    async with asyncio.timeout(30):
        while stack.state.process(name).health is not Health.READY:
            await asyncio.sleep(0.05)
