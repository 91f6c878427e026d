"""A placement that takes long: its hold must not outlive Envoy's patience, and a refusal stays what it is."""

import asyncio
from itertools import count
from typing import cast

import pytest

from authz_service.holds import admission
from authz_service.holds.admission import Admissions
from authz_service.holds.ending_calls import LineName
from authz_service.holds.placement_floors import PlacementFloors
from gateway_core.model.calls.holds import Hold
from gateway_core.model.calls.placements import BusyThrottle, Missing, Placed, Refused
from gateway_core.runtime.unary import ANSWER_COMES
from gateway_core.stores.postgres.hold_store import PoolSnapshot
from gateway_core.stores.redis.placing import PlacingTerms, Rung
from tests.support.data.example_hold import HOLD

LATEST_S = 0.3
REFUSED = Refused((), (BusyThrottle(0, 1, 0, 0),))


class SlowCounters:
    """Counters that answer each attempt after some time, as during a rebuild on a busy machine."""

    def __init__(self, takes_s: float, answer: Placed | Refused) -> None:
        self.takes_s = takes_s
        self.answer = answer
        self.attempts: list[object] = []
        self.released: list[tuple[Hold, int]] = []

    async def place_first(self, *arguments: object) -> Placed | Refused:
        self.attempts.append(arguments[-1])
        await asyncio.sleep(self.takes_s)
        self.takes_s = 0.0
        return self.answer

    async def want(self, _: str) -> None:
        pass

    async def release(self, hold: Hold, attempt: int) -> None:
        self.released.append((hold, attempt))


class LostPool(SlowCounters):
    """Counters whose pool must be rebuilt first."""

    async def place_first(self, *arguments: object) -> Placed | Refused | Missing:  # type: ignore[override]
        lacks_pool = not self.attempts
        placement = await super().place_first(*arguments)
        return Missing(pool=True, counters=(), edition="") if lacks_pool else placement

    async def seed_pool(self, organization: str, **_: object) -> None:
        pass


class NoSpend:
    async def pool_snapshot(self, _: str) -> PoolSnapshot:
        return PoolSnapshot(balance=1, sequence=0, placement=0, open_holds={})


async def place(counters: SlowCounters) -> Placed | Refused:
    async def no_placements(_: str) -> int:
        return 0

    floors = PlacementFloors(no_placements, asyncio.get_running_loop().time)
    admissions = Admissions(counters, NoSpend(), floors, 0, lambda: "first", count(7).__next__)  # type: ignore[arg-type]
    line = LineName("acme", "mia", 32)
    return await admissions.place([Rung(cast("PlacingTerms", None), HOLD)], lambda _: line)


@pytest.fixture(autouse=True)
def short_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_LATEST_S", LATEST_S)
    monkeypatch.setattr(admission, "_LAST_ATTEMPT_S", LATEST_S / 10)


async def test_a_hold_that_is_placed_too_late_is_withdrawn() -> None:
    counters = SlowCounters(LATEST_S * 1.1, Placed(1, "first"))
    with pytest.raises(TimeoutError):
        await place(counters)
    async with asyncio.timeout(30):
        while not counters.released:
            await asyncio.sleep(0)
    assert counters.attempts == [7]
    assert counters.released == [(HOLD, 7)]


async def test_a_late_refusal_says_why_the_call_is_refused() -> None:
    """Seen to fail when a late refusal counted as a late hold: the caller read that a dependency was unavailable."""
    counters = SlowCounters(LATEST_S * 1.1, REFUSED)
    assert await place(counters) is REFUSED
    assert counters.released == []


async def test_a_call_that_a_rebuild_has_delayed_waits_only_as_long_as_a_decision_may_take() -> None:
    """Seen to fail with a wait of its own length: Envoy would have given up meanwhile."""
    waiting = asyncio.create_task(place(SlowCounters(LATEST_S / 2, REFUSED)))
    done, _ = await asyncio.wait({waiting}, timeout=LATEST_S * 1.2)
    waiting.cancel()
    assert done
    assert waiting.result() is REFUSED


@pytest.mark.parametrize(("kind", "heads"), [(LostPool, 1), (SlowCounters, 0)])
async def test_a_call_that_rebuilds_a_pool_says_that_its_answer_comes(kind: type[SlowCounters], heads: int) -> None:
    """Otherwise Envoy would ask every replica, and each would rebuild the pool and read PostgreSQL."""
    sent: list[None] = []
    ANSWER_COMES.set(lambda: sent.append(None))
    assert await place(kind(0.0, Placed(1, "first"))) == Placed(1, "first")
    assert len(sent) == heads
