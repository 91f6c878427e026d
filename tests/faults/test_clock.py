"""Moves the clocks of three replicas of authz_service past a reset, apart from each other, and back (fault C7).

The replicas are real processes behind one Envoy; usage_service, PostgreSQL and Redis keep the correct time. Seen to fail without
the start of the period in the names of counters: nothing was served after the reset.
"""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deploy.local.stack.environment import DATABASE_URL, REDIS_URL, choose_backends
from deploy.local.stack.layout import Ports
from tests.e2e.conftest import wait_settled
from tests.faults.conftest import Servers, World
from tests.support.faults.counted_calls import Held, all_at_once
from tests.support.faults.replicas import replicated
from tests.support.ports import free_port_base
from tests.support.repository import ROOT

REPLICAS = 3
PER_DAY = 10
CALLS = 60
HOUR_S = 3_600
DAY_S = 86_400
MIDNIGHT_S = (int(time.time()) // DAY_S + 1) * DAY_S

SetClocks = Callable[..., None]


@pytest.fixture(scope="module")
def clock_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("clocks")
    files = [directory / f"clock-{number}" for number in range(REPLICAS)]
    for file in files:
        file.write_text("0", encoding="utf-8")
    return files


@pytest.fixture(scope="module")
async def moved_url(world: World, servers: Servers, clock_files: list[Path]) -> AsyncIterator[str]:
    directory = str(ROOT / "tests" / "support" / "faults" / "moved_clock")
    backends = choose_backends({DATABASE_URL: servers[0].url, REDIS_URL: servers[1].url}, "", "")
    environments = [{"MOVED_CLOCK_FILE": str(file), "PYTHONPATH": directory} for file in clock_files]
    with replicated(world.stack, "clocks", backends, Ports(free_port_base()), environments) as base_url:
        yield base_url


@pytest.fixture
def set_clocks(clock_files: list[Path]) -> SetClocks:
    """Returns a function that sets each replica's clock to a number of seconds after the next midnight."""

    def set_clocks(*after_midnight_s: int) -> None:
        for file, wanted_s in zip(clock_files, after_midnight_s, strict=True):
            changed = file.with_suffix(".new")
            changed.write_text(str(int(MIDNIGHT_S + wanted_s - time.time())), encoding="utf-8")
            changed.replace(file)

    return set_clocks


@pytest.mark.timeout(120)
async def test_a_clock_moved_past_a_reset_opens_one_period_and_reopens_none(
    world: World, moved_url: str, set_clocks: SetClocks, held: Held
) -> None:
    (tenant,) = await world.tenants(1)
    await tenant.guard("member", "mia", budget_nano_credits=PER_DAY * held.nano_credits, cycle="DAILY")
    before = await world.witness.last_sequence()
    answered: list[str] = []

    async def served() -> int:
        outcomes = await all_at_once(world.session, moved_url, tenant, [held.request()] * CALLS)
        assert {outcome.status for outcome in outcomes} <= {200, 402, 429}
        ids = [str(outcome.request_id) for outcome in outcomes if outcome.is_served]
        answered.extend(ids)
        return len(ids)

    set_clocks(-HOUR_S, -HOUR_S, -HOUR_S)
    assert await served() == PER_DAY
    set_clocks(30, -30, -30)  # One replica's clock is a minute ahead of the others.
    assert await served() == PER_DAY
    for moved_s in (30, -30, HOUR_S, -HOUR_S):
        set_clocks(moved_s, moved_s, moved_s)
        assert await served() == 0, moved_s
    set_clocks(DAY_S + 30, DAY_S + 30, DAY_S + 30)
    assert await served() == PER_DAY
    await world.check([tenant], answered, before)
    periods = await world.database.fetch(
        "SELECT call_count FROM scope_spend WHERE organization_id = $1 AND counter LIKE 'member:mia:DAILY:%'",
        tenant.organization,
    )
    assert Counter(row["call_count"] for row in periods) == {PER_DAY: 3}


@pytest.mark.timeout(120)
async def test_what_is_left_of_a_period_is_served_in_the_next_and_once(
    world: World, moved_url: str, set_clocks: SetClocks, held: Held
) -> None:
    """Three replicas cross two resets with a budget that carries over. After the first, one clock is still late."""
    (tenant,) = await world.tenants(1)
    most = PER_DAY * held.nano_credits
    await tenant.guard("member", "mia", budget_nano_credits=most, cycle="DAILY", rollover=json.dumps({"cap": 2 * most}))
    before = await world.witness.last_sequence()
    answered: list[str] = []

    async def served(calls: int = CALLS) -> int:
        outcomes = await all_at_once(world.session, moved_url, tenant, [held.request()] * calls)
        assert {outcome.status for outcome in outcomes} <= {200, 402, 429}
        ids = [str(outcome.request_id) for outcome in outcomes if outcome.is_served]
        answered.extend(ids)
        return len(ids)

    set_clocks(-HOUR_S, -HOUR_S, -HOUR_S)
    assert await served(PER_DAY - 6) == PER_DAY - 6
    set_clocks(30, 30, -30)
    assert await served(3 * CALLS) == PER_DAY + 6
    set_clocks(30, 30, 30)
    assert await served() == 0
    set_clocks(DAY_S + 30, DAY_S + 30, DAY_S + 30)
    assert await served(PER_DAY - 2) == PER_DAY - 2
    # What settles later than a whole period counts in the latest period, too.
    await wait_settled(tenant, len(answered))
    set_clocks(4 * DAY_S + 30, 4 * DAY_S + 30, 4 * DAY_S + 30)
    assert await served() == 3 * PER_DAY
    await world.check([tenant], answered, before)
