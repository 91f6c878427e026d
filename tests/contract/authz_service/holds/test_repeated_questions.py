"""Envoy asks a second replica if the first one dies while it decides. Both may have placed the hold: it counts once."""

import asyncio
import time

import asyncpg
import pytest
from envoy.service.auth.v3 import external_auth_pb2
from redis.asyncio import Redis

from authz_service.check import AuthzService
from gateway_core.model.calls.holds import verify_hold
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.stores.redis.keys import holds_key, pool_key
from tests.contract.authz_service.conftest import SIGNING_KEY, Answer, check_request, checked, ready

CREDIT = 10**9


def question(number: str = "9223372036854775807", begun_epoch_ns: int = 0) -> external_auth_pb2.CheckRequest:
    """Returns the question about a call. Envoy repeats it byte for byte."""
    request = check_request({"model": "model-a", "max_tokens": 5})
    request.attributes.request.http.id = number
    request.attributes.request.time.FromNanoseconds(begun_epoch_ns or time.time_ns())
    return request


async def held(redis: Redis) -> tuple[int, int]:
    """Returns how many holds are open, and what the organization's pool holds, in nano-credits."""
    return int(await redis.hlen(holds_key("acme"))), int(await redis.hget(pool_key("acme"), "held") or 0)


@pytest.mark.parametrize("together", [True, False], ids=["at the same time", "one after the other"])
async def test_two_replicas_that_are_asked_about_one_call_place_one_hold(
    service: AuthzService,
    settings: AuthzSettings,
    redis: Redis,
    owner: asyncpg.Connection,
    together: bool,  # noqa: FBT001
) -> None:
    """Seen to fail with an id of its own for each question: two holds of 5 credits, in Redis and in the holds table."""
    asked = question()
    async with ready(settings) as second:
        if together:
            answers = list(await asyncio.gather(checked(service, asked), checked(second, asked)))
        else:
            answers = [await checked(service, asked), await checked(second, asked)]
        assert await held(redis) == (1, 5 * CREDIT)
    holds = [verify_hold(str(Answer(one).metadata["hold"]), bytes.fromhex(SIGNING_KEY)) for one in answers]
    assert len({hold.hold_id for hold in holds}) == 1
    async with asyncio.timeout(3):
        while not (rows := await owner.fetch("SELECT hold_id, amount_nano_credits FROM holds")):
            await asyncio.sleep(0.02)
    assert [tuple(row) for row in rows] == [(holds[0].hold_id, 5 * CREDIT)]


async def test_two_calls_have_two_holds_even_if_one_of_their_names_is_equal(
    service: AuthzService, redis: Redis
) -> None:
    begun_ns = time.time_ns()
    for asked in (question("1", begun_ns), question("2", begun_ns), question("1", begun_ns + 1)):
        assert Answer(await checked(service, asked)).allowed
    assert await held(redis) == (3, 15 * CREDIT)


async def test_a_question_without_a_number_always_has_a_hold_of_its_own(service: AuthzService, redis: Redis) -> None:
    asked = check_request({"model": "model-a", "max_tokens": 5})
    for _ in range(2):
        assert Answer(await checked(service, asked)).allowed
    assert await held(redis) == (2, 10 * CREDIT)
