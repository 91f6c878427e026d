"""Random histories of a budget that carries over, against an independent model of what each period may spend.

The model knows budgets, caps and calls, and nothing of counters, Redis or PostgreSQL.
"""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field

import asyncpg
import pytest
from redis.asyncio import Redis

from authz_service.check import AuthzService
from tests.contract.authz_service.conftest import guard
from tests.contract.authz_service.holds.test_rebuilding import (
    admitted,
    expect_redis_equals_the_holds_table,
    follow,
    registered,
    settle,
)
from tests.contract.authz_service.test_rollovers import void
from tests.contract.usage_service.audit.books import audit, broken

CREDIT = 10**9
DAY_S = 86_400


@dataclass
class Period:
    """A period of the model. Amounts are credits."""

    budget: int
    cap: int | None
    """The most that is carried out of it; None if nothing is."""
    carried: int
    used: int = 0

    @property
    def left(self) -> int:
        return max(0, self.budget + self.carried - self.used)


@dataclass
class Model:
    """All periods so far. Each call uses one credit, and gives it back if it fails."""

    budget: int
    cap: int | None = None
    """The chosen cap; None for one budget."""
    enabled: bool = True
    periods: list[Period] = field(default_factory=list)

    @property
    def most(self) -> int | None:
        if not self.enabled:
            return None
        return self.budget if self.cap is None else self.cap

    def begin(self) -> None:
        """Begins the next period with what is left of the present one."""
        before = self.periods[-1] if self.periods else None
        carried = 0 if before is None or before.cap is None else min(before.cap, before.left)
        self.periods.append(Period(self.budget, self.most, carried))

    def recompute(self) -> None:
        """What calls of the period before did not use after all is carried, too."""
        if len(self.periods) > 1:
            before, present = self.periods[-2:]
            present.carried = 0 if before.cap is None else min(before.cap, before.left)

    def change(self, budget: int, cap: int | None) -> None:
        self.budget, self.cap = budget, cap
        self.periods[-1].budget, self.periods[-1].cap = budget, self.most


@dataclass
class World:
    service: AuthzService
    owner: asyncpg.Connection
    redis: Redis
    database_url: str
    dice: random.Random
    model: Model
    day: int = 0
    placed: int = 0
    open_before: list[Period] = field(default_factory=list)
    """The periods of the open calls, oldest first."""

    def set_clock(self) -> None:
        at_s = (int(time.time()) // DAY_S + self.day) * DAY_S + 3_600
        self.service._authorizer.now_ns = lambda: at_s * 10**9

    async def call(self) -> None:
        """Makes calls, as many as pass and often more."""
        present = self.model.periods[-1]
        asked = self.dice.choice([1, 2, 5, present.left + 2])
        passed = await admitted(self.service, asked)
        assert passed == min(asked, present.left), (self.day, present)
        present.used += passed
        self.open_before += [present] * passed
        self.placed += passed
        await registered(self.owner, self.placed)

    async def end(self) -> None:
        """Ends some calls, of any period: some cost what they hold, some cost nothing."""
        count = self.dice.randint(0, len(self.open_before))
        ended, self.open_before = self.open_before[:count], self.open_before[count:]
        free = self.dice.randint(0, count)
        if free:
            await void(self.owner, free)
        for period in ended[:free]:
            period.used -= 1
        self.model.recompute()
        if count > free:
            await settle(self.owner, count - free)
        await self.follow()

    async def follow(self) -> None:
        if await self.redis.exists("mr:{acme}:pool"):
            await follow(self.database_url, self.redis)

    async def next_day(self) -> None:
        """Begins a later day. Calls of earlier days end first, as a hold lives for minutes."""
        if self.open_before and self.open_before[0] is not self.model.periods[-1]:
            await settle(self.owner, len(self.open_before))
            self.open_before = []
            await self.follow()
        idle = self.dice.choice([1, 1, 1, 2, 3, 7])
        if idle > 1 and self.open_before:
            await settle(self.owner, len(self.open_before))
            self.open_before = []
            await self.follow()
        self.day += idle
        for _ in range(idle):
            self.model.begin()
        self.set_clock()

    async def lose_redis(self) -> None:
        await self.redis.flushall()

    async def change(self) -> None:
        """Changes budget and cap. PostgreSQL takes today's clock, so the present period is recorded as its trigger would."""
        await self._record()
        budget, cap = self.dice.choice([3, 5, 8]), self.dice.choice([None, 2, 12])
        await limit(self.owner, budget, cap)
        self.model.change(budget, cap)

    async def _record(self) -> None:
        revision = await self.owner.fetchval("SELECT cycle_revision FROM guardrails")
        start = (int(time.time()) // DAY_S + self.day) * DAY_S
        names = (f"member:mia:DAILY:{at}:{revision}" for at in (start, start - DAY_S))
        await self.owner.execute("SELECT recorded_carry('acme', $1, $2)", *names)


async def limit(owner: asyncpg.Connection, budget: int, cap: int | None) -> None:
    rollover = {} if cap is None else {"cap": cap * CREDIT}
    await guard(
        owner, "member", "mia", budget_nano_credits=budget * CREDIT, cycle="DAILY", rollover=json.dumps(rollover)
    )
    await asyncio.sleep(0.15)


@pytest.mark.parametrize("seed", range(5))
async def test_each_period_admits_exactly_what_the_model_leaves_it(
    service: AuthzService, owner: asyncpg.Connection, redis: Redis, database_url: str, seed: int
) -> None:
    world = World(service, owner, redis, database_url, random.Random(seed), Model(5))
    world.model.begin()
    world.set_clock()
    await limit(owner, 5, None)
    steps = [
        world.call,
        world.call,
        world.call,
        world.end,
        world.next_day,
        world.next_day,
        world.lose_redis,
        world.change,
    ]
    for _ in range(25):
        await world.dice.choice(steps)()
    await world.call()
    await settle(owner, len(world.open_before))
    await follow(database_url, redis)
    await expect_redis_equals_the_holds_table(owner, redis)
    assert {"spend-is-recomputed", "carries-are-recomputed"}.isdisjoint(broken(await audit(database_url)))
