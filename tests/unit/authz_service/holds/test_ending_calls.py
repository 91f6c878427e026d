"""Calls that open calls keep from passing wait in bounded lines."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from authz_service.holds.ending_calls import EndingCalls, LineName, LineOf, stands_in_no_line
from gateway_core.model.calls.placements import BusyThrottle, Placed, Refused
from gateway_core.runtime.unary import ANSWER_COMES
from tests.support.running_time import running_time

REFUSED = Refused((), (BusyThrottle(0, 1, 0, 0),))
PLACED = Placed(1, "first")
WAIT_S = 0.2
LONG_S = 30.0
"""Longer than a test takes on a busy machine."""


def line(name: str = "mia", longest: int = 32) -> LineOf:
    return lambda _: LineName("acme", name, longest)


MIAS_LINE = line()


class Limit:
    """A limit that refuses until `free` is set. Counts what it is asked."""

    def __init__(self) -> None:
        self.free = False
        self.attempts = 0
        self.wants = 0

    async def attempt(self) -> Placed | Refused:
        self.attempts += 1
        return PLACED if self.free else REFUSED

    async def want(self) -> None:
        self.wants += 1

    async def attempted(self) -> None:
        while not self.attempts:
            await asyncio.sleep(0.001)


@pytest.fixture
def limit() -> Limit:
    return Limit()


@pytest.fixture
def calls() -> EndingCalls:
    return EndingCalls(WAIT_S, most_waiting=5)


Wait = Callable[..., Awaitable[Placed | Refused]]


@pytest.fixture
def wait(calls: EndingCalls, limit: Limit) -> Wait:
    return lambda line_of=MIAS_LINE: calls.wait(REFUSED, limit.want, limit.attempt, line_of)


@pytest.fixture
def wait_long(limit: Limit) -> Wait:
    calls = EndingCalls(LONG_S)
    return lambda line_of=MIAS_LINE: calls.wait(REFUSED, limit.want, limit.attempt, line_of)


async def test_a_call_passes_once_a_call_ends(wait_long: Wait, limit: Limit) -> None:
    waiting = asyncio.ensure_future(wait_long())
    await limit.attempted()
    limit.free = True
    assert await waiting is PLACED
    assert limit.wants == 1


async def test_a_call_is_refused_when_no_call_ends_in_time(wait: Wait, limit: Limit, calls: EndingCalls) -> None:
    begun_s = time.monotonic()
    async with running_time() as passed_s:
        assert await wait() is REFUSED
        assert time.monotonic() - begun_s > WAIT_S / 2
        assert passed_s() < 3 * WAIT_S
    assert 1 < limit.attempts < 30
    assert calls.waiting == 0


async def test_a_call_that_waiting_cannot_help_is_refused_at_once(wait: Wait, limit: Limit) -> None:
    assert await wait(stands_in_no_line) is REFUSED
    assert (limit.attempts, limit.wants) == (0, 0)


async def test_a_call_stops_waiting_when_waiting_no_longer_helps(calls: EndingCalls, limit: Limit) -> None:
    exhausted = Refused(())

    async def attempt() -> Placed | Refused:
        return exhausted

    line_of: LineOf = lambda refused: None if refused is exhausted else LineName("acme", "mia", 1)  # noqa: E731
    assert await calls.wait(REFUSED, limit.want, attempt, line_of) is exhausted


async def test_it_remembers_whose_calls_have_waited(wait: Wait, calls: EndingCalls) -> None:
    assert not calls.awaits("acme")
    await wait()
    assert calls.awaits("acme")
    assert not calls.awaits("globex")


async def test_it_forgets_whose_calls_waited_after_a_while(limit: Limit) -> None:
    calls = EndingCalls(WAIT_S, remembered_s=WAIT_S / 2)
    await calls.wait(REFUSED, limit.want, limit.attempt, MIAS_LINE)
    await asyncio.sleep(WAIT_S)
    assert not calls.awaits("acme")


async def test_a_call_that_may_not_wait_is_not_remembered(wait: Wait, calls: EndingCalls) -> None:
    await wait(stands_in_no_line)
    assert not calls.awaits("acme")


async def test_only_the_first_of_a_line_attempts() -> None:
    calls, limits = EndingCalls(LONG_S), [Limit() for _ in range(5)]
    waiting = [asyncio.ensure_future(calls.wait(REFUSED, one.want, one.attempt, MIAS_LINE)) for one in limits]
    while limits[0].attempts < 5:
        await asyncio.sleep(0.001)
    assert [one.attempts for one in limits[1:]] == [0] * 4
    for one in limits:
        one.free = True
    assert await asyncio.gather(*waiting) == [PLACED] * 5


async def test_a_full_line_refuses_at_once(wait_long: Wait, limit: Limit) -> None:
    first = asyncio.ensure_future(wait_long(line(longest=1)))
    await asyncio.sleep(0)
    assert await wait_long(line(longest=1)) is REFUSED
    assert not first.done()
    limit.free = True
    assert await first is PLACED


async def test_no_more_calls_wait_than_the_process_allows(wait: Wait, calls: EndingCalls) -> None:
    waiting = [asyncio.ensure_future(wait(line(str(number)))) for number in range(8)]
    await asyncio.sleep(0)
    assert calls.waiting == 5
    await asyncio.gather(*waiting)
    assert calls.waiting == 0


async def test_a_canceled_call_leaves_its_line(limit: Limit) -> None:
    calls = EndingCalls(LONG_S)
    first, second = [asyncio.ensure_future(calls.wait(REFUSED, limit.want, limit.attempt, MIAS_LINE)) for _ in range(2)]
    await limit.attempted()
    first.cancel()
    limit.free = True
    assert await second is PLACED
    assert calls.waiting == 0


async def test_an_error_of_an_attempt_is_passed_on(calls: EndingCalls, limit: Limit) -> None:
    async def attempt() -> Placed | Refused:
        raise TimeoutError("Redis does not answer")

    with pytest.raises(TimeoutError, match="Redis"):
        await calls.wait(REFUSED, limit.want, attempt, line())
    assert calls.waiting == 0


@pytest.mark.parametrize(("line_of", "heads"), [(MIAS_LINE, 1), (stands_in_no_line, 0)])
async def test_a_call_that_waits_says_that_its_answer_comes(wait: Wait, line_of: LineOf, heads: int) -> None:
    """Otherwise Envoy would ask another replica too, and the call would wait there as well."""
    sent: list[None] = []
    ANSWER_COMES.set(lambda: sent.append(None))
    await wait(line_of)
    assert len(sent) == heads
