"""Concurrent callers with the same key share one task."""

import asyncio

import pytest

from gateway_core.runtime.single_flight import SingleFlight


class Work:
    """A task that counts its starts, and ends when the test allows it."""

    def __init__(self) -> None:
        self.starts = 0
        self.may_end = asyncio.Event()

    async def run(self) -> int:
        self.starts += 1
        number = self.starts
        await self.may_end.wait()
        return number


async def test_callers_of_one_key_share_one_task() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    callers = [asyncio.create_task(flights.run("key", work.run)) for _ in range(10)]
    await asyncio.sleep(0)
    work.may_end.set()
    assert await asyncio.gather(*callers) == [1] * 10
    assert work.starts == 1


async def test_another_key_has_a_separate_task() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    work.may_end.set()
    assert sorted(await asyncio.gather(flights.run("a", work.run), flights.run("b", work.run))) == [1, 2]


async def test_a_caller_after_the_end_starts_a_new_task() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    work.may_end.set()
    assert [await flights.run("key", work.run), await flights.run("key", work.run)] == [1, 2]


async def test_a_canceled_caller_leaves_the_task_to_the_others() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    first, second = (asyncio.create_task(flights.run("key", work.run)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    work.may_end.set()
    assert await second == 1
    assert first.cancelled()


async def test_a_failure_reaches_every_caller_and_is_not_stored() -> None:
    flights: SingleFlight[str, int] = SingleFlight()

    async def fail() -> int:
        raise ValueError("lost")

    results = await asyncio.gather(*(flights.run("key", fail) for _ in range(3)), return_exceptions=True)
    assert [str(result) for result in results] == ["lost"] * 3
    work = Work()
    work.may_end.set()
    assert await flights.run("key", work.run) == 1


async def test_forgetting_a_key_affects_only_later_callers() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    before = asyncio.create_task(flights.run("key", work.run))
    await asyncio.sleep(0)
    flights.forget()
    after = asyncio.create_task(flights.run("key", work.run))
    await asyncio.sleep(0)
    joined = asyncio.create_task(flights.run("key", work.run))
    await asyncio.sleep(0)
    work.may_end.set()
    assert list(await asyncio.gather(before, after, joined)) == [1, 2, 2]


async def test_canceling_ends_every_task() -> None:
    flights: SingleFlight[str, int] = SingleFlight()
    task = flights.start("key", Work().run)
    flights.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
