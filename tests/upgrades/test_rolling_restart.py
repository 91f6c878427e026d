"""Every process of two gateways is restarted under load, one after the other: nothing is refused, cut or lost."""

import asyncio
import time

import pytest
from megarouter_envoy.binary import drain_limit_s

from tests.support.faults.recovery import FIGURES
from tests.support.upgrades.fleet import Fleet, Gateway
from tests.support.upgrades.traffic import Traffic, running_traffic
from tests.upgrades.conftest import DRAIN_GRACE_S

QUIET_S = 5.0
NOTICED_S = 1.0
"""How long a gateway that is about to stop still serves, until nothing new reaches it. The chart waits for five seconds."""


@pytest.mark.timeout(400)
async def test_processes_that_take_over_from_each_other_lose_nothing(fleet: Fleet) -> None:
    before = await fleet.tally()
    async with running_traffic(fleet) as traffic:
        await asyncio.sleep(QUIET_S)
        quiet_s = traffic.slowest_s()
        for number, gateway in enumerate(fleet.gateways):
            for name in [*gateway.services, "envoy"]:
                async with traffic.restarting(f"{name} of gateway {number}"):
                    await taken_over(gateway, name)
        await asyncio.sleep(drain_limit_s(DRAIN_GRACE_S))  # the old Envoy closes the connections that are still open
    await check(fleet, traffic, before, "taking over", quiet_s)


@pytest.mark.timeout(400)
async def test_gateways_that_stop_and_start_in_turn_lose_nothing(fleet: Fleet) -> None:
    before = await fleet.tally()
    async with running_traffic(fleet) as traffic:
        await asyncio.sleep(QUIET_S)
        quiet_s = traffic.slowest_s()
        for number, gateway in enumerate(fleet.gateways):
            async with traffic.restarting(f"gateway {number}"):
                await stopped_and_started(fleet, gateway)
            await asyncio.sleep(2.0)
    await check(fleet, traffic, before, "stopping and starting", quiet_s)


async def taken_over(gateway: Gateway, name: str) -> None:
    """Replaces a process by one that takes over its sockets."""
    process_id = gateway.stack.identity(name).pid
    await asyncio.to_thread(gateway.stack.restart, name)
    assert gateway.stack.identity(name).pid != process_id


async def stopped_and_started(fleet: Fleet, gateway: Gateway) -> None:
    """Stops a gateway in the order of the chart: Envoy drains, the services end, usage_service last."""
    gateway.backend.is_aside = True
    await asyncio.sleep(NOTICED_S)
    order = ["envoy", *gateway.services]
    for name in order:
        await asyncio.to_thread(gateway.stack.stop_process, name)
    for name in reversed(order):
        await asyncio.to_thread(gateway.stack.start_process, name)
    gateway.backend.is_aside = False
    await fleet.balancer.until_chosen(gateway.backend)


async def check(fleet: Fleet, traffic: Traffic, before: list[int], manner: str, quiet_s: float) -> None:
    """Asserts that nothing was lost, and notes the figures."""
    assert traffic.lost() == []
    assert traffic.admin.statuses.keys() == {200}
    assert fleet.balancer.unplaced == 0
    begun_s = time.monotonic()
    total = await fleet.check(traffic.tenants, [str(one.request_id) for one in traffic.outcomes], before)
    assert total.served == len(traffic.outcomes)
    took_s = [end_s - begin_s for begin_s, end_s in traffic.restarts.values()]
    slowest = max(traffic.restarts, key=lambda name: traffic.slowest_s(*traffic.restarts[name]))
    FIGURES.notes.append(
        f"{manner}: {len(traffic.restarts)} restarts, {min(took_s):.1f} to {max(took_s):.1f} s each;"
        f" {len(traffic.calls.outcomes)} calls, {len(traffic.streams.outcomes)} streams and"
        f" {traffic.admin.statuses[200]} calls of the admin API, none lost; slowest call"
        f" {traffic.slowest_s(*traffic.restarts[slowest]) * 1000:.0f} ms ({slowest}), before {quiet_s * 1000:.0f} ms;"
        f" books checked {time.monotonic() - begun_s:.1f} s later"
    )
