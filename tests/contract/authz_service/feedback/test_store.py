"""What the database does with ratings: one of each caller for a call of its own, also if it comes before the settlement."""

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from authz_service.feedback.rating import RATED_DAYS_MAX, RATINGS, REASONS, Rating
from authz_service.feedback.store import Rated, RatingStore
from authz_service.stored_objects.store import Owner
from authz_service.wiring import ROLE
from deploy.local.stack.database_urls import login_url
from gateway_core.model.calls.holds import Hold
from gateway_core.model.routing.choice import Arm, Reason
from gateway_core.model.routing.routed_as import RoutedAs
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement, prepare, register
from usage_service.settlement.store import settle_batch

MIA, MAX, OTHER = Owner("acme", "mia"), Owner("acme", "max"), Owner("other", "mia")
REQUEST_ID = "3f0a1c2e-9d4b-4a6f-8c11-0123456789ab"
BAD, GOOD = Rating(REQUEST_ID, "bad", "incorrect"), Rating(REQUEST_ID, "good", None)
ROUTED = RoutedAs("assistant", 1, Arm.ROUTED, Reason.CHEAPEST, True, "summaries", "acme-1", 1, "acme-1", 1)  # noqa: FBT003


@pytest.fixture
async def store(owner: asyncpg.Connection, database_url: str) -> AsyncIterator[RatingStore]:
    await prepare(owner, "acme", "other")
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=2) as pool:
        yield RatingStore(pool)


def hold_of_now() -> Hold:
    return make_hold(routed=ROUTED, session="5e55" * 4, turns=3)


async def settle(owner: asyncpg.Connection, hold: Hold | None = None, age_days: int = 0) -> Hold:
    hold = hold or hold_of_now()
    await settle_batch(owner, [make_settlement(hold, request_id=REQUEST_ID)])
    await owner.execute("UPDATE routed_calls SET place_time = now() - $1 * interval '1 day'", age_days)
    return hold


async def stored(owner: asyncpg.Connection) -> list[tuple[str | None, str, str | None]]:
    return [tuple(row) for row in await owner.fetch("SELECT hold_id, rating, reason FROM call_ratings")]


async def matched(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("SELECT match_ratings()"))


async def test_a_later_rating_of_the_same_call_replaces_the_first(
    store: RatingStore, owner: asyncpg.Connection
) -> None:
    hold = await settle(owner)
    assert await store.rate(MIA, BAD, may_wait=False) is Rated.RECORDED
    assert await store.rate(MIA, BAD, may_wait=False) is Rated.RECORDED
    assert await stored(owner) == [(hold.hold_id, "bad", "incorrect")]
    assert await store.rate(MIA, GOOD, may_wait=False) is Rated.RECORDED
    assert await stored(owner) == [(hold.hold_id, "good", None)]


@pytest.mark.parametrize("by", [MAX, OTHER])
async def test_a_call_of_another_is_unknown(store: RatingStore, owner: asyncpg.Connection, by: Owner) -> None:
    await settle(owner)
    await register(owner, replace(make_hold(by.organization), claims=replace(make_hold().claims, member=by.member)))
    assert await store.rate(by, BAD, may_wait=True) is Rated.UNKNOWN
    assert await stored(owner) == []


async def test_a_call_to_a_model_of_the_catalog_is_unknown(store: RatingStore, owner: asyncpg.Connection) -> None:
    await settle_batch(owner, [make_settlement(request_id=REQUEST_ID)])
    assert await store.rate(MIA, BAD, may_wait=True) is Rated.UNKNOWN


async def test_an_old_call_is_unknown(store: RatingStore, owner: asyncpg.Connection) -> None:
    await settle(owner, age_days=RATED_DAYS_MAX)
    assert await store.rate(MIA, BAD, may_wait=True) is Rated.UNKNOWN


async def test_a_rating_that_comes_before_the_settlement_waits_for_it(
    store: RatingStore, owner: asyncpg.Connection
) -> None:
    hold = hold_of_now()
    await register(owner, hold)
    assert await store.rate(MIA, BAD, may_wait=False) is Rated.UNKNOWN
    assert await store.rate(MIA, BAD, may_wait=True) is Rated.PENDING
    assert await matched(owner) == 0
    await settle(owner, hold)
    assert await matched(owner) == 1
    assert await stored(owner) == [(hold.hold_id, "bad", "incorrect")]


async def test_a_rating_of_what_turns_out_to_be_another_ones_call_stays_without_effect(
    store: RatingStore, owner: asyncpg.Connection
) -> None:
    await register(owner, hold_of_now())
    assert await store.rate(MIA, BAD, may_wait=True) is Rated.PENDING
    await settle(owner, make_hold(member="max", routed=ROUTED))
    assert await matched(owner) == 0
    await owner.execute("UPDATE call_ratings SET create_time = now() - interval '25 hours'")
    assert await matched(owner) == 0
    assert await stored(owner) == []


async def test_a_caller_without_an_open_call_gets_no_rating_stored(
    store: RatingStore, owner: asyncpg.Connection
) -> None:
    assert await store.rate(MIA, BAD, may_wait=True) is Rated.UNKNOWN
    assert await stored(owner) == []


async def test_few_ratings_of_a_caller_wait(store: RatingStore, owner: asyncpg.Connection) -> None:
    await register(owner, hold_of_now())
    ids = [f"{number:08x}{REQUEST_ID[8:]}" for number in range(101)]
    outcomes = [await store.rate(MIA, replace(BAD, request_id=one), may_wait=True) for one in ids]
    assert outcomes == [Rated.PENDING] * 100 + [Rated.UNKNOWN]


async def test_every_rating_and_reason_can_be_stored(store: RatingStore, owner: asyncpg.Connection) -> None:
    await settle(owner)
    for rating in RATINGS:
        for reason in REASONS:
            assert await store.rate(MIA, Rating(REQUEST_ID, rating, reason), may_wait=False) is Rated.RECORDED


async def test_the_service_cannot_read_ratings(store: RatingStore, database_url: str) -> None:
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=1) as pool:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.fetch("SELECT * FROM call_ratings")
