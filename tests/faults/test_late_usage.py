"""Reports that are lost, or arrive after their hold expired: charged by policy and flagged, then corrected to the nano-credit.

Holds live three seconds here, and the sweeper runs often. Seen to fail without the sweeper (holds stay open). The death of Envoy
was seen to fail without the holds table (calls without a record).
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import asyncpg
import pytest
from megarouter_envoy.settings.variables import DRAIN_GRACE

from deploy.local.supervision.embedded_stack import Stack
from gateway_core.model.calls.holds import sign_hold, verify_hold
from gateway_core.model.limits.cycles import Cycle
from gateway_core.stores.redis.connections import open_redis
from tests.faults.conftest import World, open_world, survive
from tests.support.books import cost
from tests.support.data.example_hold import with_changes
from tests.support.data.tenants import CREDIT, Tenant
from tests.support.faults.journal import append, lines_of, payload_of, until_lines
from tests.support.faults.load import Load, call, chat_stream
from tests.support.faults.recovery import FIGURES, Recovery
from tests.support.faults.sums import REGISTERED_WITHIN_S, books_equal, corrections_of, settled
from tests.support.ports import free_port_base

HOLD_LIFE_S = 3
DAY_S = 86_400


@pytest.fixture(scope="module")
def forgetful_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {
        "MEGAROUTER_HOLD_LIFE_MS": str(HOLD_LIFE_S * 1_000),
        "MEGAROUTER_SWEEP_INTERVAL_MS": "300",
        "MEGAROUTER_RECONCILE_INTERVAL_MS": "1000",
        DRAIN_GRACE: "2",
    }
    with Stack(tmp_path_factory.mktemp("forgetful"), free_port_base(), settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
async def forgetful(forgetful_stack: Stack) -> AsyncIterator[World]:
    environment = forgetful_stack.environment
    database_url, redis_url = environment["MEGAROUTER_DATABASE_URL"], environment["MEGAROUTER_REDIS_URL"]
    async with open_world(forgetful_stack, database_url, redis_url) as opened:
        yield opened


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_calls_that_envoy_cannot_report_expire_and_are_flagged(forgetful: World, number: signal.Signals) -> None:
    """Envoy dies with calls under way. Only the calls that it did not report lack a record of actual usage."""

    async def end() -> float:
        moment = time.monotonic()
        forgetful.stack.kill("envoy", number)
        return moment

    await survive(forgetful, f"{number.name} Envoy", end, lossy=True)


@pytest.mark.timeout(120)
async def test_calls_cut_by_a_stop_of_envoy_expire_and_are_flagged(forgetful: World) -> None:
    """Envoy drains for the grace time, then cuts the calls that are still under way."""

    async def restart() -> None:
        await asyncio.to_thread(forgetful.stack.stop_process, "envoy")
        await asyncio.to_thread(forgetful.stack.start_process, "envoy")

    await survive(forgetful, "Envoy stopped and started", restart, lossy=True)


@pytest.mark.timeout(120)
async def test_both_sinks_down_is_flagged_and_healed_when_the_journal_returns(forgetful: World) -> None:
    """Neither the stream nor the journal delivers the calls, so every hold expires. Then the lost journal returns."""
    world, journal = forgetful, forgetful.stack.home.journal_file
    tenants = await world.tenants()
    before = await world.witness.last_sequence()
    await asyncio.to_thread(world.stack.stop_process, "usage_service")
    kept = journal.with_name("kept.log")
    os.link(journal, kept)
    journal.unlink()
    async with Load(world.session, world.base_url, tenants) as load:
        await load.until_served(60)
    answered = [outcome.request_id for outcome in load.served if outcome.request_id]
    # Envoy keeps writing to the unlinked file. Its next start creates a new one. Stop it before: a replaced one would
    # serve the kept connections of the next test for some seconds, and report them to the unlinked file too.
    await asyncio.to_thread(world.stack.stop_process, "envoy")
    await asyncio.to_thread(world.stack.start_process, "envoy")
    assert not lines_of(journal, [tenant.organization for tenant in tenants]) if journal.exists() else True
    mended_s = time.monotonic()
    await asyncio.to_thread(world.stack.start_process, "usage_service")
    await asyncio.sleep(HOLD_LIFE_S)
    total = await world.check(tenants, answered, before, lossy=True)
    assert total.unconfirmed == total.served == len(answered)
    expired_s = time.monotonic() - mended_s
    found = lines_of(kept, [tenant.organization for tenant in tenants])
    assert len(found) == len(answered)
    kept.unlink()
    mended_s = time.monotonic()
    append(journal, found)
    async with asyncio.timeout(30):
        while sum([len(await corrections_of(tenant)) for tenant in tenants]) < len(answered):
            await asyncio.sleep(0.05)
    healed_s = time.monotonic() - mended_s
    total = await world.check(tenants, answered, before)
    assert (total.unconfirmed, total.corrected) == (0, len(answered))
    FIGURES.recoveries.append(
        Recovery("both sinks down: to every hold flagged", 0, expired_s, f"{len(answered)} calls")
    )
    FIGURES.recoveries.append(
        Recovery("both sinks down: to the late usage posted", 0, healed_s, f"{len(answered)} calls")
    )


@pytest.mark.timeout(120)
async def test_holds_a_day_old_are_corrected_in_the_cycle_they_were_placed_in(forgetful: World) -> None:
    """Yesterday's calls expired without a report; Envoy's reports about them arrive today.

    The calls are real, and so is everything that Envoy writes about them. The test dates back what authz_service would have written
    yesterday, before any service reads it: the times and daily cycles in the signed holds and in the holds table. Seen to fail
    without the sweeper (31 holds stayed open) and without corrections (none of 28 calls was corrected).
    """
    world, journal = forgetful, forgetful.stack.home.journal_file
    tenants = await world.tenants()
    organizations = [tenant.organization for tenant in tenants]
    for tenant in tenants:
        await tenant.guard("member", "mia", budget_nano_credits=100 * CREDIT, cycle="DAILY")
    before = await world.witness.last_sequence()
    answered = await served_unreported(world, tenants, 20)
    lines = await until_lines(journal, organizations, len(answered))
    await asyncio.to_thread(world.stack.stop_process, "envoy")
    journal.unlink()
    yesterday = {line["hold"]: dated_back(world, line["hold"]) for line in lines}
    await date_holds_back(world, yesterday)
    await empty_redis(world)
    await asyncio.to_thread(world.stack.start_process, "envoy")
    await asyncio.to_thread(world.stack.start_process, "usage_service")
    total = await world.check(tenants, answered, before, lossy=True)
    assert total.unconfirmed == total.served == len(answered)
    for tenant in tenants:
        assert await daily_spend(tenant) == {-1: await spent(tenant)}
    late = [{**line, "hold": yesterday[line["hold"]]} for line in lines]
    append(journal, late + late)
    await books_equal(world.database, answered)
    total = await world.check(tenants, answered, before)
    assert (total.unconfirmed, total.corrected, total.confirmed) == (0, len(answered), len(answered))
    for tenant in tenants:
        assert await daily_spend(tenant) == {-1: await spent(tenant)}
        day = await world.database.fetchval(
            "SELECT max(now() - place_time) < interval '25 hours' AND min(now() - place_time) > interval '24 hours'"
            " FROM usage_corrections WHERE organization_id = $1",
            tenant.organization,
        )
        assert day


async def served_unreported(world: World, tenants: list[Tenant], count: int) -> list[str]:
    """Stops usage_service, makes calls, and returns their request ids."""
    await asyncio.to_thread(world.stack.stop_process, "usage_service")
    async with Load(world.session, world.base_url, tenants) as load:
        await load.until_served(count)
    assert all(outcome.is_served for outcome in load.outcomes)
    await asyncio.sleep(REGISTERED_WITHIN_S)
    return [str(outcome.request_id) for outcome in load.served]


def dated_back(world: World, token: str) -> str:
    """Returns the token as authz_service would have signed it a day earlier."""
    secrets = json.loads(world.stack.home.secrets_file.read_text(encoding="utf-8"))
    key = bytes.fromhex(secrets["hold_signing_key"])
    hold = verify_hold(token, key)
    counters = tuple(
        replace(counter, cycle_start_epoch_s=counter.cycle_start_epoch_s - DAY_S)
        if counter.cycle is Cycle.DAILY
        else counter
        for counter in hold.claims.counters
    )
    placed, expires = hold.placed_epoch_us - DAY_S * 10**6, hold.expires_epoch_us - DAY_S * 10**6
    return sign_hold(with_changes(hold, counters=counters, placed_epoch_us=placed, expires_epoch_us=expires), key)


async def date_holds_back(world: World, tokens: dict[str, str]) -> None:
    changed = await world.database.execute(
        "UPDATE holds SET token = d.token, counters = string_to_array(d.counters, ' '),"
        "       place_time = place_time - interval '24 hours', expire_time = expire_time - interval '24 hours'"
        "  FROM unnest($1::text[], $2::text[], $3::text[]) AS d (was, token, counters) WHERE holds.token = d.was",
        list(tokens),
        list(tokens.values()),
        [" ".join(payload_of(token)["counters"]) for token in tokens.values()],
    )
    assert changed == f"UPDATE {len(tokens)}"


async def empty_redis(world: World) -> None:
    async with open_redis(world.redis_url) as redis:
        await redis.flushall()


async def daily_spend(tenant: Tenant) -> dict[int, int]:
    """Returns the amounts settled on the member's daily counters in nano-credits, by day: 0 is today, -1 is yesterday."""
    rows = await tenant.database.fetch(
        "SELECT split_part(counter, ':', 4)::bigint AS start, settled_nano_credits FROM scope_spend"
        " WHERE organization_id = $1 AND counter LIKE 'member:mia:DAILY:%' AND call_count > 0",
        tenant.organization,
    )
    return {(row["start"] - int(time.time()) // DAY_S * DAY_S) // DAY_S: row["settled_nano_credits"] for row in rows}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("policy", ["CHARGE_HOLD", "CHARGE_INPUT", "RELEASE"])
async def test_a_stream_longer_than_its_hold_is_corrected_exactly(forgetful: World, policy: str) -> None:
    world = forgetful
    (tenant,) = await world.tenants(1)
    await world.database.execute(
        "UPDATE organizations SET expired_hold_policy = $2 WHERE organization_id = $1", tenant.organization, policy
    )
    before = await world.witness.last_sequence()
    path, body, _ = chat_stream("Take your time.")
    headers = {"x-mock-pace-ms": "600", "x-mock-chunks": "9"}
    stream = asyncio.create_task(call(world.session, world.base_url, tenant, (path, body, headers)))
    await asyncio.sleep(HOLD_LIFE_S + 1)
    assert not stream.done()
    await settled([tenant])
    assert_charged_by_policy(policy, await tenant.records())
    outcome = await stream
    assert outcome.is_served
    async with asyncio.timeout(15):
        while not await corrections_of(tenant):
            await asyncio.sleep(0.05)
    total = await world.check([tenant], [str(outcome.request_id)], before)
    assert (total.unconfirmed, total.corrected, total.confirmed) == (0, 1, 1)
    (served,) = await world.witness.calls_after(before)
    assert await spent(tenant) == cost(served, world.catalog, "gpt-4o-mini")


def assert_charged_by_policy(policy: str, records: list[asyncpg.Record]) -> None:
    (record,) = records
    charge, hold = record["charge_nano_credits"], record["hold_nano_credits"]
    if policy == "CHARGE_HOLD":
        assert charge == hold
    elif policy == "CHARGE_INPUT":
        assert 0 < charge < hold
    else:
        assert charge == 0


async def spent(tenant: Tenant) -> int:
    return int(
        await tenant.database.fetchval(
            "SELECT balance_nano_credits FROM ledger_accounts WHERE organization_id = $1 AND account = 'USAGE'",
            tenant.organization,
        )
    )
