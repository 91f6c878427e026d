"""A placement that takes long: its hold must not outlive Envoy's patience, and a refusal stays what it is."""

import asyncio

import pytest

from authz_service.holds import admission
from authz_service.holds.admission import Admissions
from authz_service.holds.ending_calls import LineName
from authz_service.holds.placement_floors import PlacementFloors
from gateway_core.model.calls.holds import Hold
from gateway_core.model.calls.placements import BusyThrottle, Placed, Refused
from tests.support.data.example_hold import HOLD

LATEST_S = 0.3
REFUSED = Refused((), (BusyThrottle(0, 1, 0, 0),))


class SlowCounters:
    """Counters that answer each attempt after some time, as during a rebuild on a busy machine."""

    def __init__(self, takes_s: float, answer: Placed | Refused) -> None:
        self.takes_s = takes_s
        self.answer = answer
        self.released: list[Hold] = []

    async def place_on(self, *_: object) -> Placed | Refused:
        await asyncio.sleep(self.takes_s)
        self.takes_s = 0.0
        return self.answer

    async def want(self, _: str) -> None:
        pass

    async def release(self, hold: Hold) -> None:
        self.released.append(hold)


async def place(counters: SlowCounters) -> Placed | Refused:
    async def no_placements(_: str) -> int:
        return 0

    floors = PlacementFloors(no_placements, asyncio.get_running_loop().time)
    admissions = Admissions(counters, None, floors, 0, lambda: "first")  # type: ignore[arg-type]
    line = LineName("acme", "mia", 32)
    return await admissions.place(HOLD, None, line_of=lambda _: line)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def short_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_LATEST_S", LATEST_S)
    monkeypatch.setattr(admission, "_LAST_ATTEMPT_S", LATEST_S / 10)


async def test_a_hold_that_is_placed_too_late_is_withdrawn() -> None:
    counters = SlowCounters(LATEST_S * 1.1, Placed(1, "first"))
    with pytest.raises(TimeoutError):
        await place(counters)
    async with asyncio.timeout(1):
        while not counters.released:
            await asyncio.sleep(0)
    assert counters.released == [HOLD]


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
