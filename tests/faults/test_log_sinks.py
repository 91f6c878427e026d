"""The access-log sink is down at full load. The journal has every call, and each is billed once."""

import asyncio
import json
import time

import pytest

from tests.faults.conftest import World, survive
from tests.support.faults.load import Load
from tests.support.faults.recovery import FIGURES, Recovery
from tests.support.faults.sums import books_equal

CALLS_AFTER = 100
CALLS_IN_A_MINUTE_MAX = 60_000


@pytest.mark.timeout(120)
async def test_calls_are_billed_once_after_the_access_log_sink_was_down_for_seconds(world: World) -> None:
    """Seen to fail without the journal (usage_service's MEGAROUTER_JOURNAL_FILE names another file)."""

    async def stop() -> float:
        await asyncio.to_thread(world.stack.stop_process, "usage_service")
        await asyncio.sleep(4)
        moment = time.monotonic()
        await asyncio.to_thread(world.stack.start_process, "usage_service")
        return moment

    total = await survive(world, "usage_service down for 4 s", stop)
    assert (total.unconfirmed, dict(total.estimated)) == (0, {})


@pytest.mark.soak
@pytest.mark.timeout(500)
async def test_calls_are_billed_once_after_the_access_log_sink_was_down_for_a_minute(world: World) -> None:
    """Seen to fail without the journal, after an outage of ten seconds: 1317 of 1412 calls have no record."""
    tenants = await world.tenants()
    before = await world.witness.last_sequence()
    rescued_before = rescued(world)
    async with Load(world.session, world.base_url, tenants, calls_max=CALLS_IN_A_MINUTE_MAX) as load:
        await load.until_served(CALLS_AFTER)
        await asyncio.to_thread(world.stack.stop_process, "usage_service")
        down_s = time.monotonic()
        await asyncio.sleep(60)
        served_while_down = sum(outcome.started_s >= down_s for outcome in load.served)
        mended_s = time.monotonic()
        await asyncio.to_thread(world.stack.start_process, "usage_service")
        owed = [str(outcome.request_id) for outcome in load.served if outcome.ended_s <= mended_s]
        await load.until_served(CALLS_AFTER, started_after_s=mended_s)
        await load.finish()
        await books_equal(world.database, owed, timeout_s=120, look_interval_s=0.5)
        healed_s = time.monotonic() - mended_s
    assert all(outcome.is_served for outcome in load.outcomes), "callers notice nothing"
    total = await world.check(tenants, [str(outcome.request_id) for outcome in load.served], before)
    assert (total.unconfirmed, dict(total.estimated)) == (0, {})
    from_journal = rescued(world) - rescued_before
    assert from_journal >= served_while_down
    said = f"{len(load.served)} served, {served_while_down} of them during the outage; {from_journal} from the journal"
    FIGURES.recoveries.append(Recovery("usage_service down for 60 s at full load", 0, healed_s, said))


def rescued(world: World) -> int:
    """Returns the number of calls that usage_service logged as settled from the journal because the stream lacked them."""
    lines = world.stack.home.log_file("usage_service").read_text(encoding="utf-8").splitlines()
    reports = [json.loads(line) for line in lines if "settled from the journal" in line]
    return sum(line["calls"] for line in reports)
