"""The clock moves past a reset, forward and back. Every period has its own counter, and none is reset twice (fault C7)."""

import time
from collections.abc import Callable

import asyncpg
import pytest

from authz_service.check import AuthzService
from tests.contract.authz_service.conftest import Ask, guard
from tests.support.faults.journal import payload_of

CREDIT = 10**9
DAY_S = 86_400
NEXT_MIDNIGHT_S = (int(time.time()) // DAY_S + 1) * DAY_S

SetClock = Callable[[float], None]


@pytest.fixture
def set_clock(service: AuthzService) -> SetClock:
    """Returns a function that stops the service's clock at a time in epoch seconds."""

    def set_clock(epoch_s: float) -> None:
        service._authorizer.now_ns = lambda: int(epoch_s * 1_000) * 10**6

    return set_clock


async def admitted(ask: Ask, attempts: int) -> int:
    return sum([(await ask()).allowed for _ in range(attempts)])


async def test_a_clock_moved_past_a_reset_and_back_opens_one_period_and_reopens_none(
    ask: Ask, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    set_clock(NEXT_MIDNIGHT_S - 0.1)
    await guard(owner, "member", "mia", budget_nano_credits=3 * CREDIT, cycle="DAILY")
    assert await admitted(ask, 5) == 3
    set_clock(NEXT_MIDNIGHT_S)
    assert await admitted(ask, 5) == 3
    for elsewhere in (-3_600, -0.1, 3_600, 0.1):
        set_clock(NEXT_MIDNIGHT_S + elsewhere)
        assert await admitted(ask, 2) == 0, elsewhere
    set_clock(NEXT_MIDNIGHT_S + DAY_S)
    assert await admitted(ask, 5) == 3


async def test_a_hold_placed_before_a_reset_belongs_to_the_period_it_was_placed_in(
    ask: Ask, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    await guard(owner, "member", "mia", budget_nano_credits=CREDIT, cycle="DAILY")
    set_clock(NEXT_MIDNIGHT_S - 0.001)
    before = (await ask()).metadata
    set_clock(NEXT_MIDNIGHT_S)
    after = (await ask()).metadata
    starts = [_member_period(str(metadata["hold"])) for metadata in (before, after)]
    assert starts == [NEXT_MIDNIGHT_S - DAY_S, NEXT_MIDNIGHT_S]


def _member_period(token: str) -> int:
    counter = next(name for name in payload_of(token)["counters"] if name.startswith("member:mia:DAILY:"))
    return int(counter.split(":")[3])
