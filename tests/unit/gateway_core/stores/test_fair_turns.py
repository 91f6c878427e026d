"""Organizations that wait for a connection take turns."""

import asyncio

import pytest

from gateway_core.stores.postgres.connecting.fair_turns import FairTurns, LineFullError


class Work:
    """Takes turns, and notes in which order it got them."""

    def __init__(self, places: int, of_one: int | None = None, line: int | None = None) -> None:
        self.turns = FairTurns(places, of_one=of_one, line=line)
        self.begun: list[str] = []
        self.gates: list[asyncio.Event] = []

    async def one(self, organization: str) -> None:
        async with self.turns.of(organization):
            self.begun.append(organization)
            gate = asyncio.Event()
            self.gates.append(gate)
            await gate.wait()

    def start(self, organizations: str) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.one(organization)) for organization in organizations]

    async def finish(self, count: int = 1) -> None:
        """Ends the work that began first."""
        for _ in range(count):
            self.gates.pop(0).set()
            await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_who_comes_while_a_place_is_free_waits_for_no_one() -> None:
    work = Work(places=2)
    work.start("ab")
    await settle()
    assert work.begun == ["a", "b"]


async def test_a_quiet_organization_is_next_however_many_calls_of_a_busy_one_wait() -> None:
    work = Work(places=1)
    work.start("aaaaaab")
    await settle()
    await work.finish(2)
    assert work.begun == ["a", "a", "b"]


async def test_organizations_take_turns_and_each_keeps_its_order() -> None:
    work = Work(places=1)
    tasks = work.start("aaabbc")
    await settle()
    await work.finish(6)
    await asyncio.gather(*tasks)
    assert work.begun == ["a", "a", "b", "c", "a", "b"]


async def test_no_more_than_the_places_work_at_a_time() -> None:
    work = Work(places=3)
    work.start("abcdef")
    await settle()
    assert len(work.begun) == 3
    await work.finish()
    assert len(work.begun) == 4


async def test_one_who_gives_up_leaves_its_place_to_the_next() -> None:
    work = Work(places=1)
    _, given_up, last = work.start("abc")
    await settle()
    given_up.cancel()
    await work.finish()
    assert work.begun == ["a", "c"]
    await work.finish()
    await last


async def test_a_place_that_is_given_in_the_moment_of_giving_up_is_not_lost() -> None:
    work = Work(places=1)
    async with work.turns.of("a"):
        [given_up] = work.start("b")
        await settle()
    given_up.cancel()  # it has the place and has not run yet
    await settle()
    async with asyncio.timeout(30), work.turns.of("c"):
        assert work.begun == []


async def test_a_failure_gives_the_place_back() -> None:
    turns = FairTurns(1)

    async def fail() -> None:
        async with turns.of("a"):
            raise ValueError

    for _ in range(3):
        with pytest.raises(ValueError):  # noqa: PT011 - it has no message
            await fail()
    async with asyncio.timeout(30), turns.of("b"):
        pass


async def test_an_organization_leaves_free_what_is_above_its_share() -> None:
    work = Work(places=3, of_one=2)
    work.start("aaaab")
    await settle()
    assert work.begun == ["a", "a", "b"]
    await work.finish()
    assert work.begun == ["a", "a", "b", "a"]


async def test_a_place_above_the_share_goes_to_the_next_organization_and_is_not_lost() -> None:
    work = Work(places=2, of_one=1)
    tasks = work.start("aaabbc")
    await settle()
    assert work.begun == ["a", "b"]
    await work.finish(6)
    await asyncio.gather(*tasks)
    assert sorted(work.begun) == ["a", "a", "a", "b", "b", "c"]
    async with asyncio.timeout(1), work.turns.of("d"), work.turns.of("e"):
        pass


async def test_a_line_is_full_for_its_organization_alone_until_one_leaves_it() -> None:
    work = Work(places=1, line=2)
    *_, given_up = work.start("aaa")
    await settle()
    with pytest.raises(LineFullError):
        await work.one("a")
    _, fourth = work.start("ba")
    await settle()
    assert isinstance(fourth.exception(), LineFullError)
    given_up.cancel()
    await settle()
    work.start("a")
    await work.finish(3)
    assert work.begun == ["a", "a", "b", "a"]
