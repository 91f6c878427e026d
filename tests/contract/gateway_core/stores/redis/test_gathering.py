"""Concurrent requests are sent as one command, and each gets its own answer."""

import asyncio
from collections.abc import Sequence

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from gateway_core.stores.redis.gathering import Gathering
from gateway_core.stores.redis.wire import NotSentError


class Commands:
    """Answers each request with its double, once the test allows it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[int]]] = []
        self.may_answer = asyncio.Event()
        self.failure: Exception | None = None

    async def send(self, group: str, questions: Sequence[int]) -> list[int]:
        self.sent.append((group, list(questions)))
        await self.may_answer.wait()
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        return [2 * question for question in questions]


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def gathering(commands: Commands) -> Gathering[int, int]:
    return Gathering(commands.send)


async def test_requests_of_one_loop_iteration_are_one_command(
    gathering: Gathering[int, int], commands: Commands
) -> None:
    commands.may_answer.set()
    assert await asyncio.gather(*(gathering.ask("acme", number) for number in range(5))) == [0, 2, 4, 6, 8]
    assert commands.sent == [("acme", [0, 1, 2, 3, 4])]


async def test_requests_during_a_command_share_the_next_one(gathering: Gathering[int, int], commands: Commands) -> None:
    first = gathering.ask("acme", 1)
    await asyncio.sleep(0)
    later = [gathering.ask("acme", number) for number in (2, 3)]
    commands.may_answer.set()
    assert [await first, *await asyncio.gather(*later)] == [2, 4, 6]
    assert commands.sent == [("acme", [1]), ("acme", [2, 3])]


async def test_groups_do_not_wait_for_each_other(gathering: Gathering[int, int], commands: Commands) -> None:
    asked = [gathering.ask(group, 1) for group in ("acme", "beta")]
    await asyncio.sleep(0)
    assert commands.sent == [("acme", [1]), ("beta", [1])]
    commands.may_answer.set()
    await asyncio.gather(*asked)


async def test_a_command_has_a_bounded_size(gathering: Gathering[int, int], commands: Commands) -> None:
    commands.may_answer.set()
    await asyncio.gather(*(gathering.ask("acme", number) for number in range(150)))
    assert [len(questions) for _, questions in commands.sent] == [64, 64, 22]


async def test_requests_beyond_the_bound_are_refused(gathering: Gathering[int, int], commands: Commands) -> None:
    asked = [gathering.ask("acme", 1)]
    await asyncio.sleep(0)
    with pytest.raises(NotSentError):
        asked.extend(gathering.ask("acme", number) for number in range(10_001))
    commands.may_answer.set()
    await asyncio.gather(*asked)


async def test_a_canceled_request_is_not_sent(gathering: Gathering[int, int], commands: Commands) -> None:
    first = gathering.ask("acme", 1)
    await asyncio.sleep(0)
    given_up, kept = gathering.ask("acme", 2), gathering.ask("acme", 3)
    given_up.cancel()
    commands.may_answer.set()
    assert [await first, await kept] == [2, 6]
    assert commands.sent == [("acme", [1]), ("acme", [3])]


async def test_a_failed_command_fails_only_its_own_requests(gathering: Gathering[int, int], commands: Commands) -> None:
    commands.failure = RedisConnectionError("gone")
    first = [gathering.ask("acme", number) for number in (1, 2)]
    await asyncio.sleep(0)
    later = gathering.ask("acme", 3)
    commands.may_answer.set()
    for asked in first:
        with pytest.raises(RedisConnectionError):
            await asked
    assert await later == 6
