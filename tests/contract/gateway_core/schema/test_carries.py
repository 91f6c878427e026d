"""PostgreSQL and Python agree on periods, and on what is carried over any number of idle ones."""

import random
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from gateway_core.model.limits.cycles import Cycle, period_at, period_before
from gateway_core.model.limits.rollovers import Carry

ZONES = (
    "UTC",
    "Europe/London",
    "America/New_York",
    "Pacific/Auckland",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
)
CYCLES = (Cycle.DAILY, Cycle.WEEKLY, Cycle.MONTHLY)
BUDGET = 5


async def test_every_period_starts_when_python_says(owner: asyncpg.Connection) -> None:
    dice = random.Random(1)
    asked = [
        (dice.choice(CYCLES), dice.choice(ZONES), dice.randrange(1_300_000_000, 1_900_000_000)) for _ in range(3_000)
    ]
    rows = await owner.fetch(
        "SELECT extract(epoch FROM cycle_start_at(cycle, zone, to_timestamp(instant)))::bigint"
        " FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS a (cycle, zone, instant, place) ORDER BY place",
        *(list(column) for column in zip(*asked, strict=True)),
    )
    for (cycle, zone, instant), row in zip(asked, rows, strict=True):
        assert row[0] == period_at(cycle, ZoneInfo(zone), instant).start_epoch_s, (cycle, zone, instant)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cycle", CYCLES)
async def test_idle_periods_carry_what_one_after_the_other_would(
    owner: asyncpg.Connection, cycle: Cycle, zone: str
) -> None:
    await owner.execute(
        "INSERT INTO organizations (organization_id, display_name, time_zone) VALUES ('acme', 'a', $1)", zone
    )
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle, rollover)"
        " VALUES ('acme', 'member', 'mia', $1, $2, '{\"cap\": 23}')",
        BUDGET, cycle,
    )  # fmt: skip
    revision = await owner.fetchval("SELECT cycle_revision FROM guardrails")
    dice, at = random.Random(zone + cycle), ZoneInfo(zone)
    for _ in range(20):
        start = period_at(cycle, at, dice.randrange(1_300_000_000, 1_900_000_000)).start_epoch_s
        periods = [start]
        for _ in range(dice.choice([1, 2, 3, 9, 40])):
            periods.insert(0, period_before(cycle, at, periods[0]).start_epoch_s)
        first, used, base = periods[0], dice.randint(0, 12), dice.randint(0, 12)
        names = [f"member:mia:{cycle}:{period}:{revision}" for period in periods]
        await owner.execute("DELETE FROM budget_carries")
        await owner.execute("DELETE FROM scope_spend")
        await owner.execute(
            "INSERT INTO budget_carries VALUES ('acme', $1, 'member:mia', $2, $3, $4, 23, NULL, $2)",
            names[0], revision, first, base,
        )  # fmt: skip
        await owner.execute("INSERT INTO scope_spend (organization_id, counter, settled_nano_credits) VALUES ('acme', $1, $2)",
                            names[0], used)  # fmt: skip
        carried = Carry(base, 23).carried(0)
        for spent in [used, *[0] * (len(periods) - 2)]:
            carried = Carry(BUDGET + carried, 23).carried(spent)
        row = await owner.fetchrow("SELECT base, cap FROM carry_terms('acme', $1, $2)", names[-1], names[-2])
        assert row is not None
        present = Carry(*row).carried(used if len(periods) == 2 else 0)
        assert present == carried, (periods, used, base)
