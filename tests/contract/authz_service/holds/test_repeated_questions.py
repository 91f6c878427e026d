"""Envoy asks a second replica if the first one dies or does not answer. Both may have placed the hold: it counts once.

It stays until the last of them has taken back what it placed.
"""

import asyncio
import time
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from envoy.service.auth.v3 import external_auth_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from authz_service.check import AuthzService
from gateway_core.model.calls.call_limits import Limits
from gateway_core.model.calls.holds import Hold, verify_hold
from gateway_core.model.calls.placements import OutputCut, Placed, PlacedBefore, Refused, Taken, Withdrawn
from gateway_core.model.catalog.reserves import OutputShare
from gateway_core.model.limits.throttles import Throttle
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.stores.redis.hold_counters import CounterEvent, FinishedCall, HoldCounters
from gateway_core.stores.redis.keys import held_amount, holds_key, is_finished, pool_key, refusals_keys, throttle_key
from gateway_core.stores.redis.placing import placing_terms
from tests.contract.authz_service.conftest import SIGNING_KEY, Answer, check_request, checked, ready
from tests.contract.authz_service.holds.test_placing_together import seeded
from tests.support.data.example_hold import HOLD, with_changes

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
    """Seen to fail with an id of its own for each question: two holds of 5 credits, in Redis and in the holds table.

    And with a time of its own for each token: the record of the call contradicted the holds table.
    """
    asked = question()
    async with ready(settings) as second:
        if together:
            answers = list(await asyncio.gather(checked(service, asked), checked(second, asked)))
        else:
            answers = [await checked(service, asked), await checked(second, asked)]
        assert await held(redis) == (1, 5 * CREDIT)
    holds = [verify_hold(str(Answer(one).metadata["hold"]), bytes.fromhex(SIGNING_KEY)) for one in answers]
    assert len({replace(hold, placement=1) for hold in holds}) == 1
    async with asyncio.timeout(30):
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


ORGANIZATION = HOLD.claims.organization
UNLIMITED = (None,) * len(HOLD.claims.counters)
AMOUNT = 7
FIRST, SECOND = 2**48 + 1, 2**48 + 2
TOKENS, CALLS = HOLD.claims.throttles
LATER_EPOCH_S = 2**33


def hold(throttles: tuple[Throttle, ...] = ()) -> Hold:
    return with_changes(HOLD, throttles=throttles, amount_nano_credits=AMOUNT, expires_epoch_us=LATER_EPOCH_S * 10**6)


async def counted(redis: Redis) -> tuple[int, int]:
    """Returns how many holds are open, and what the pool holds."""
    return int(await redis.hlen(holds_key(ORGANIZATION))), int(str(await redis.hget(pool_key(ORGANIZATION), "held")))


@pytest.mark.also_on_cluster
async def test_a_hold_that_two_attempts_placed_stays_until_both_have_released_it(redis: Redis) -> None:
    """Seen to fail without the attempts of a hold: the release of the first one freed what the second one had placed."""
    counters = await seeded(redis)
    assert await counters.place(hold(), UNLIMITED, attempt=FIRST) == Placed(1, "first")
    late = with_changes(hold(), placed_epoch_us=5, amount_nano_credits=8)
    before = PlacedBefore(HOLD.placed_epoch_us, AMOUNT)
    assert await counters.place(late, UNLIMITED, attempt=SECOND) == Placed(1, "first", before=before)
    for _ in range(2):
        await counters.release(hold(), FIRST)
        assert await counted(redis) == (1, AMOUNT)
    await counters.release(hold(), SECOND)
    assert await counted(redis) == (0, 0)


async def test_a_late_placement_of_an_attempt_that_was_released_leaves_that_of_another(redis: Redis) -> None:
    counters = await seeded(redis)
    await counters.release(hold(), FIRST)
    assert await counters.place(hold(), UNLIMITED, attempt=SECOND) == Placed(1, "first")
    assert await counters.place(hold(), UNLIMITED, attempt=FIRST) == Withdrawn()
    await counters.release(hold(), FIRST)
    assert await counted(redis) == (1, AMOUNT)


Step = tuple[bool, int]
STEPS = st.lists(st.tuples(st.booleans(), st.sampled_from([FIRST, SECOND, 3])), max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=STEPS)
async def test_a_hold_is_open_while_any_attempt_that_placed_it_has_not_released_it(
    redis: Redis, steps: list[Step]
) -> None:
    counters = await seeded(redis)
    placed: set[int] = set()
    released: set[int] = set()
    for is_placement, attempt in steps:
        if is_placement:
            answer = await counters.place(hold(), UNLIMITED, attempt=attempt)
            assert isinstance(answer, Withdrawn if attempt in released else Placed)
            if attempt not in released:
                placed.add(attempt)
        else:
            await counters.release(hold(), attempt)
            released.add(attempt)
            placed.discard(attempt)
        assert await counted(redis) == ((1, AMOUNT) if placed else (0, 0))


async def test_two_attempts_in_one_command_count_once(redis: Redis) -> None:
    counters = await seeded(redis)
    answers = await asyncio.gather(
        *(counters.place(hold(), UNLIMITED, attempt=attempt) for attempt in (FIRST, SECOND, FIRST))
    )
    before = PlacedBefore(HOLD.placed_epoch_us, AMOUNT)
    assert answers == [Placed(1, "first"), *[Placed(1, "first", before=before)] * 2]
    await counters.release(hold(), FIRST)
    assert await counted(redis) == (1, AMOUNT)
    await counters.release(hold(), SECOND)
    assert await counted(redis) == (0, 0)


async def test_the_second_attempt_gets_the_output_limit_of_the_first(redis: Redis) -> None:
    counters = await seeded(redis, balance=10**6)
    terms = placing_terms(hold().claims, Limits(UNLIMITED, reset_epoch_s=UNLIMITED))
    share = OutputShare(base_nano_credits=1, token_price_nano_credits=1, least_tokens=16, most_tokens=10**6)
    large = with_changes(hold(), amount_nano_credits=10**6)
    answers = [await counters.place_on(terms, large, 0, share, attempt=attempt) for attempt in (FIRST, SECOND)]
    cut = OutputCut(limit_tokens=10**6 // 64 - 1, amount_nano_credits=10**6 // 64)
    before = PlacedBefore(HOLD.placed_epoch_us, cut.amount_nano_credits)
    assert answers == [Placed(1, "first", cut=cut), Placed(1, "first", cut=cut, before=before)]
    await counters.release(large, FIRST)
    assert await counted(redis) == (1, cut.amount_nano_credits)


async def test_a_release_of_one_of_two_attempts_keeps_the_place_and_the_tokens(redis: Redis) -> None:
    limited = hold((TOKENS, CALLS))
    counters = await seeded(redis)
    await counters.seed_calls(ORGANIZATION, CALLS, open_holds={}, sequence=1, expire_epoch_s=LATER_EPOCH_S)
    for attempt in (FIRST, SECOND):
        assert isinstance(await counters.place(limited, UNLIMITED, throttle_limits=[10**6, 1], attempt=attempt), Placed)
    await counters.release(limited, FIRST)
    calls = throttle_key(ORGANIZATION, CALLS.encode())
    assert await redis.zscore(calls, HOLD.hold_id) is not None
    tokens = await redis.hgetall(throttle_key(ORGANIZATION, TOKENS.encode()))
    await counters.release(limited, SECOND)
    assert await redis.zscore(calls, HOLD.hold_id) is None
    assert await redis.hgetall(throttle_key(ORGANIZATION, TOKENS.encode())) != tokens


async def test_a_hold_rebuilt_from_the_holds_table_is_not_released_by_an_attempt_that_was_not_recorded(
    redis: Redis,
) -> None:
    counters = await seeded(redis)
    await redis.delete(pool_key(ORGANIZATION))
    await counters.seed_pool(
        ORGANIZATION, balance=10**12, sequence=2, generation="after", placements=1,
        open_holds={HOLD.hold_id: AMOUNT},
    )  # fmt: skip
    await counters.release(hold(), FIRST)
    assert await counted(redis) == (1, AMOUNT)
    for counter in HOLD.claims.counters:
        await counters.seed_counter(
            ORGANIZATION, counter.encode(), settled=0, open_holds=[HOLD.hold_id], sequence=2, expire_epoch_s=None,
            edition="after:0",
        )  # fmt: skip
    assert await counters.place(hold(), UNLIMITED, attempt=SECOND) == Taken()


@pytest.mark.parametrize(
    "changes", [{"price_version": 4}, {"counters": HOLD.claims.counters[:1]}, {"throttles": (CALLS,)}]
)
async def test_a_replica_that_has_other_terms_does_not_answer_for_the_hold(
    redis: Redis, changes: dict[str, Any]
) -> None:
    """Otherwise the call would be settled on counters that do not hold it."""
    counters = await seeded(redis)
    await counters.place(hold(), UNLIMITED, attempt=FIRST)
    other = with_changes(hold(), **changes)
    limits = UNLIMITED[: len(other.claims.counters)]
    limited = [1] * len(other.claims.throttles)
    assert await counters.place(other, limits, throttle_limits=limited, attempt=SECOND) == Taken()
    await counters.release(other, SECOND)
    assert await counted(redis) == (1, AMOUNT)


async def refused_first(redis: Redis, counters: HoldCounters) -> Refused:
    """Refuses the call for its first attempt, and gives the organization credit afterward."""
    refusal = await counters.place(hold(), UNLIMITED, attempt=FIRST)
    assert isinstance(refusal, Refused)
    await redis.hset(pool_key(ORGANIZATION), "balance", "1000")
    return refusal


async def even_period() -> None:
    """Waits for a period of five seconds whose decisions are in the first of the two hashes, and that lasts for another second."""
    while int(time.time() // 5) % 2 or time.time() % 5 > 4:
        await asyncio.sleep(0.05)


@pytest.mark.also_on_cluster
async def test_a_refusal_of_the_period_before_does_not_hide_that_of_the_present_one(redis: Redis) -> None:
    """Seen to fail with the hashes read in a fixed order: the first attempt placed a hold, though the second one was refused."""
    counters = await seeded(redis, balance=AMOUNT - 1)
    await even_period()
    refusal = await refused_first(redis, counters)
    await asyncio.sleep(0.1)
    present, before = refusals_keys(ORGANIZATION)
    await redis.rename(present, before)
    assert await counters.place(hold(), UNLIMITED, attempt=SECOND) == refusal
    assert await counters.place(hold(), UNLIMITED, attempt=FIRST) == refusal
    assert await counted(redis) == (0, 0)


@pytest.mark.also_on_cluster
async def test_a_refusal_stands_for_every_attempt_at_the_call(redis: Redis) -> None:
    """Seen to fail without the kept refusal: the second attempt placed a hold for a call that the first one had refused."""
    counters = await seeded(redis, balance=AMOUNT - 1)
    refusal = await refused_first(redis, counters)
    assert await counters.place(hold(), UNLIMITED, attempt=SECOND) == Taken()  # the first one is about to answer
    await asyncio.sleep(0.1)
    assert await counters.place(hold(), UNLIMITED, attempt=SECOND) == refusal
    for attempt in (FIRST, SECOND):
        assert await counters.place(hold(), UNLIMITED, attempt=attempt) == refusal
    assert await counted(redis) == (0, 0)
    assert 0 < max([await redis.pttl(key) for key in refusals_keys(ORGANIZATION)]) <= 10_000
    other = with_changes(hold(), hold_id="hold-2")
    assert isinstance(await counters.place(other, UNLIMITED, attempt=SECOND), Placed)


async def test_the_attempt_that_was_refused_may_still_place_the_hold(redis: Redis) -> None:
    """It may wait for the end of another call. The other attempts then find the hold."""
    counters = await seeded(redis, balance=AMOUNT - 1)
    await refused_first(redis, counters)
    assert await counters.place(hold(), UNLIMITED, attempt=SECOND) == Taken()
    assert isinstance(await counters.place(hold(), UNLIMITED, attempt=FIRST), Placed)
    assert isinstance(await counters.place(hold(), UNLIMITED, attempt=SECOND), Placed)
    assert [await redis.hlen(key) for key in refusals_keys(ORGANIZATION)] == [0, 0]


async def test_a_replica_that_has_other_terms_does_not_overturn_a_refusal(redis: Redis) -> None:
    counters = await seeded(redis, balance=AMOUNT - 1)
    await refused_first(redis, counters)
    await asyncio.sleep(0.1)
    other = with_changes(hold(), price_version=4)
    assert await counters.place(other, UNLIMITED, attempt=SECOND) == Taken()


async def test_a_finished_and_a_settled_call_forget_the_attempts_like_the_rest(redis: Redis) -> None:
    counters = await seeded(redis)
    for attempt in (FIRST, SECOND):
        await counters.place(hold(), UNLIMITED, attempt=attempt)
    names = tuple(counter.encode() for counter in HOLD.claims.counters)
    assert await counters.finish(ORGANIZATION, [FinishedCall(HOLD.hold_id, 3, 5, names)]) == 1
    kept = str(await redis.hget(holds_key(ORGANIZATION), HOLD.hold_id))
    assert (held_amount(kept), is_finished(kept)) == (3, True)
    await counters.release(hold(), FIRST)
    assert await counted(redis) == (1, 3)
    event = CounterEvent(2, HOLD.hold_id, 3, -3, names)
    assert await counters.apply(ORGANIZATION, 1, [event]) == 2
    assert await counted(redis) == (0, 0)
    await counters.release(hold(), SECOND)
    assert await counted(redis) == (0, 0)


async def test_a_replica_that_envoy_gave_up_does_not_release_the_hold_of_another(
    service: AuthzService, settings: AuthzSettings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first replica has placed the hold and freezes before it answers. It goes on once the second one has answered.

    Seen to fail without the attempts of a hold: the call passed, and nothing was held for it.
    """
    asked = question()
    frozen = asyncio.Event()
    place_first = HoldCounters.place_first

    async def place_and_freeze(*arguments: Any) -> Any:
        placement = await place_first(*arguments)
        if isinstance(placement, Placed) and not frozen.is_set():
            frozen.set()
            await asyncio.Event().wait()
        return placement

    async with ready(settings) as second:
        monkeypatch.setattr(HoldCounters, "place_first", place_and_freeze)
        first = asyncio.create_task(checked(service, asked))
        async with asyncio.timeout(30):
            await frozen.wait()
        assert Answer(await checked(second, asked)).allowed
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.sleep(0.1)
        assert await held(redis) == (1, 5 * CREDIT)


async def test_two_replicas_that_are_asked_about_one_call_never_disagree(
    service: AuthzService, settings: AuthzSettings, redis: Redis
) -> None:
    """Credit comes and goes while both decide. If they disagreed, Envoy could take the refusal, and the hold would stay open.

    Seen to fail without the kept refusals: a call was refused by one replica and held by the other one.
    """
    refused = "0"
    assert Answer(await checked(service, question("0"))).allowed

    async def change_credit() -> None:
        nonlocal refused
        while True:
            refused = str(10**13) if refused == "0" else "0"
            await redis.hset(pool_key("acme"), "balance", refused)
            await asyncio.sleep(0.002)

    async def ask(replica: AuthzService, asked: external_auth_pb2.CheckRequest, after_s: float) -> bool:
        await asyncio.sleep(after_s)
        return Answer(await checked(replica, asked)).allowed

    async with ready(settings) as second:
        changing = asyncio.create_task(change_credit())
        decisions = []
        for number in range(1, 21):
            asked = question(str(number))
            decisions.append(await asyncio.gather(ask(service, asked, 0), ask(second, asked, 0.003)))
        changing.cancel()
    assert {tuple(both) for both in decisions} == {(True, True), (False, False)}
    admitted = 1 + sum(first for first, _ in decisions)
    assert await held(redis) == (admitted, admitted * 5 * CREDIT)
