"""A budget that carries over, with periods and calls of the past."""

import datetime as dt
import time
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import asyncpg

from gateway_core.model.calls.holds import Hold
from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle, period_at
from gateway_core.model.organization.scopes import ScopeKind
from tests.contract.usage_service.settlement_cases import (
    SCHEDULE,
    charge,
    make_hold,
    make_settlement,
    prepare,
    register,
)
from usage_service.settlement.charge_decision import ExpiredHoldPolicy, expire
from usage_service.settlement.rows import Settlement
from usage_service.settlement.store import settle_batch

CALL = charge()
BUDGET = 5
DAY_S = 86_400


def other_zone_of_the_same_day(now_s: float) -> str:
    """Returns a zone an hour from UTC in which it is the same date."""
    return "Etc/GMT-1" if dt.datetime.fromtimestamp(now_s, dt.UTC).hour < 23 else "Etc/GMT+1"


@dataclass
class Budget:
    """A member's daily budget that carries over up to four budgets, in calls. Days are counted back from today in the zone."""

    owner: asyncpg.Connection
    zone: str
    now_s: float = field(default_factory=time.time)
    revision: int = 0

    def counter(self, days_ago: int) -> Counter:
        return self.counter_at(self.now_s - days_ago * DAY_S)

    def counter_at(self, instant_s: float) -> Counter:
        start = period_at(Cycle.DAILY, ZoneInfo(self.zone), instant_s).start_epoch_s
        return Counter(ScopeKind.MEMBER, "mia", Cycle.DAILY, start, self.revision)

    async def begin(self, days_ago: int) -> None:
        """Creates the budget, as if that long ago."""
        await prepare(self.owner)
        await self.owner.execute("UPDATE organizations SET time_zone = $1", self.zone)
        self.revision = await self.owner.fetchval(
            "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle, rollover)"
            " VALUES ('acme', 'member', 'mia', $1, 'DAILY', $2) RETURNING cycle_revision",
            BUDGET * CALL, f'{{"cap": {4 * BUDGET * CALL}}}',
        )  # fmt: skip
        first = self.counter(days_ago)
        await self.owner.execute(
            "UPDATE budget_carries SET counter = $1, period_start = $2", first.encode(), first.cycle_start_epoch_s
        )

    async def open(self, days_ago: int) -> None:
        """Records the carry into a day, as its first call does."""
        names = (self.counter(days).encode() for days in (days_ago, days_ago + 1))
        await self.owner.execute("SELECT recorded_carry('acme', $1, $2)", *names)

    async def call(self, placed_s: float) -> None:
        await settle_batch(self.owner, [make_settlement(await self.place(placed_s))])

    async def call_that_expires(self, placed_s: float) -> Settlement:
        """Returns the late report of a call that expired and cost nothing until then."""
        found = make_settlement(await self.place(placed_s))
        expired = expire(found.hold, ExpiredHoldPolicy.RELEASE, SCHEDULE)
        await settle_batch(self.owner, [Settlement(found.hold, found.report, expired)])
        return found

    async def place(self, placed_s: float) -> Hold:
        hold = make_hold(counters=(self.counter_at(placed_s),), placed_epoch_us=int(placed_s * 10**6))
        await register(self.owner, hold)
        return hold

    async def move_to(self, zone: str) -> None:
        await self.owner.execute("UPDATE organizations SET time_zone = $1", zone)
        self.zone = zone
        self.revision = await self.owner.fetchval("SELECT cycle_revision FROM guardrails")

    async def carried(self) -> float:
        """Returns what is carried into today, in calls."""
        return float(await self.owner.fetchval("SELECT present_carry('acme', 'member', 'mia')") / CALL)

    async def left(self) -> float:
        """Returns how many calls may be made today."""
        row = await self.owner.fetchrow("SELECT * FROM present_spend('acme', 'member', 'mia')")
        assert row is not None
        return float((row["budget_nano_credits"] + row["carried_nano_credits"] - row["spent_nano_credits"]) / CALL)
