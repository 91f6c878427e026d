"""The breakers of deployments, in a real Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from deploy.local.programs.redis import RedisServer
from gateway_core.model.deployments.health import FIRST_PAUSE_MS, LEAST_FAILURES, Observation, Outcome
from gateway_core.stores.redis.connections import open_pipelined
from gateway_core.stores.redis.deployments import DeploymentObservations, DeploymentStandings

PLACE = "acme/large"


class Breaker:
    """The breaker of one deployment."""

    def __init__(self, store: DeploymentObservations, standings: DeploymentStandings, redis: Redis) -> None:
        self.store, self.standings, self.redis = store, standings, redis

    async def now_ms(self) -> int:
        seconds, microseconds = await self.redis.time()
        return int(seconds) * 1_000 + int(microseconds) // 1_000

    async def note(self, *outcomes: Outcome, retry_after_ms: int = 0, decided_ms: int | None = None) -> None:
        placed_ms = await self.now_ms() if decided_ms is None else decided_ms
        await self.store.note([Observation(PLACE, one, placed_ms, "key-1", retry_after_ms) for one in outcomes])

    async def is_closed(self) -> bool:
        health = (await self.standings.read(await self.now_ms())).health
        return PLACE not in health or health[PLACE].is_closed

    async def pause_ms(self) -> int:
        health = (await self.standings.read(await self.now_ms())).health[PLACE]
        return health.open_until_ms - await self.now_ms()


@pytest.fixture
async def breaker(redis: Redis, redis_server: RedisServer) -> AsyncIterator[Breaker]:
    async with open_pipelined(redis_server.url) as client:
        yield Breaker(DeploymentObservations(client), DeploymentStandings(client), redis)


FAILURES = [Outcome.FAILED] * LEAST_FAILURES


async def test_few_failures_leave_it_closed(breaker: Breaker) -> None:
    await breaker.note(*FAILURES[1:])
    assert await breaker.is_closed()


async def test_failures_open_it(breaker: Breaker) -> None:
    await breaker.note(*FAILURES)
    assert not await breaker.is_closed()
    assert 0 < await breaker.pause_ms() <= FIRST_PAUSE_MS


async def test_failures_among_many_answers_leave_it_closed(breaker: Breaker) -> None:
    await breaker.note(*[Outcome.SERVED] * 100, *FAILURES)
    assert await breaker.is_closed()


async def test_a_rate_limit_opens_it_for_as_long_as_the_provider_asks(breaker: Breaker) -> None:
    await breaker.note(Outcome.LIMITED, retry_after_ms=7_000)
    assert 6_000 < await breaker.pause_ms() <= 7_000


async def test_a_rate_limit_counts_for_at_most_a_minute(breaker: Breaker) -> None:
    await breaker.note(Outcome.LIMITED, retry_after_ms=86_400_000)
    assert 59_000 < await breaker.pause_ms() <= 60_000


async def test_a_refused_account_opens_it_for_the_longest_time(breaker: Breaker) -> None:
    await breaker.note(Outcome.REFUSED)
    assert 59_000 < await breaker.pause_ms() <= 60_000


async def test_a_trial_that_succeeds_closes_it(breaker: Breaker) -> None:
    await breaker.note(*FAILURES)
    await asyncio.sleep((FIRST_PAUSE_MS + 50) / 1_000)
    await breaker.note(Outcome.SERVED)
    assert await breaker.is_closed()


async def test_a_trial_that_fails_opens_it_for_twice_as_long(breaker: Breaker) -> None:
    await breaker.note(*FAILURES)
    await asyncio.sleep((FIRST_PAUSE_MS + 50) / 1_000)
    await breaker.note(Outcome.FAILED)
    assert FIRST_PAUSE_MS < await breaker.pause_ms() <= 2 * FIRST_PAUSE_MS


@pytest.mark.parametrize("outcome", [Outcome.SERVED, Outcome.FAILED])
async def test_a_call_from_before_it_opened_says_nothing_about_the_trial(breaker: Breaker, outcome: Outcome) -> None:
    before_ms = await breaker.now_ms()
    await breaker.note(*FAILURES)
    await asyncio.sleep((FIRST_PAUSE_MS + 50) / 1_000)
    await breaker.note(outcome, decided_ms=before_ms)
    assert not await breaker.is_closed()
    assert await breaker.pause_ms() < 0


async def test_one_replica_gets_the_trial(breaker: Breaker) -> None:
    claims = [await breaker.standings.claim_trial(PLACE) for _ in range(3)]
    assert claims == [True, False, False]


async def test_a_caller_whose_call_failed_is_remembered_with_the_place(breaker: Breaker) -> None:
    await breaker.note(Outcome.FAILED)
    standings = await breaker.standings.read(await breaker.now_ms())
    assert standings.failed == {"key-1": frozenset({PLACE})}


async def test_a_forgotten_redis_finds_every_deployment_healthy(breaker: Breaker) -> None:
    await breaker.note(*FAILURES)
    await breaker.redis.flushall()
    assert await breaker.is_closed()
