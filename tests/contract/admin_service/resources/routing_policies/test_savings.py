"""What routing saved: signed, by simple and complex calls, beside what a comparison shows, for the calls in reach."""

import datetime as dt
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import routing_policy_pb2
from megarouter.admin.v1.routing_policy_pb2 import OutcomePair, QueryRoutingSavingsResponse, RoutingSavings
from megarouter.type.v1.time_range_pb2 import TimeRange

from tests.contract.admin_service.conftest import GROUPS, Client
from tests.contract.admin_service.resources.analytics.test_service import add_catalog_and_robot
from tests.contract.usage_service.settlement_cases import make_hold, make_settlement
from usage_service.settlement.store import settle_batch

START = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
ACME = "organizations/acme"


@pytest.fixture(autouse=True)
async def catalog(owner: asyncpg.Connection, client: Client) -> None:
    """The models on offer, and credit to spend."""
    await add_catalog_and_robot(owner)


def at(instant: dt.datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp


async def add(owner: asyncpg.Connection, number: int, rating: str | None = None, **columns: Any) -> None:
    """Adds a settled call of the member `sales`, with what both models cost, and a rating."""
    hold = make_hold(member="sales", api_key="key-sales", group_path=GROUPS["sales"])
    await settle_batch(owner, [make_settlement(hold)])
    values = {
        "arm": "ROUTED", "reason": "cheapest", "is_simple": True, "use_case": "summaries", "baseline_model": "top",
        "baseline_price_version": 1, "chosen_model": "light", "chosen_price_version": 1, "baseline_nano_credits": 1_000,
        "chosen_nano_credits": 400, "place_time": START, "session": None, **columns,
    }  # fmt: skip
    names = ", ".join(values)
    marks = ", ".join(f"${index}" for index in range(3, 3 + len(values)))
    await owner.execute(
        f"INSERT INTO routed_calls (organization_id, hold_id, sequence, virtual_model, revision, {names})"  # noqa: S608
        f" VALUES ('acme', $1, $2, 'assistant', 1, {marks})",
        hold.hold_id, number, *values.values(),
    )  # fmt: skip
    if rating is not None:
        await owner.execute(
            "INSERT INTO call_ratings (organization_id, request_id, member_id, hold_id, rating)"
            " VALUES ('acme', $1, 'sales', $1, $2)",
            hold.hold_id, rating,
        )  # fmt: skip


async def savings(client: Client, member: str = "super") -> QueryRoutingSavingsResponse:
    period = TimeRange(start_time=at(START), end_time=at(START + dt.timedelta(days=31)))
    request = routing_policy_pb2.QueryRoutingSavingsRequest(name=ACME, time_range=period)
    found: QueryRoutingSavingsResponse = await client.call("QueryRoutingSavings", request, member)
    return found


def sums(of: RoutingSavings) -> tuple[int, int, int, int]:
    return of.call_count, of.unknown_call_count, of.baseline_nano_credits, of.saved_nano_credits


async def test_savings_are_signed_and_an_unknown_price_is_never_zero(client: Client, owner: asyncpg.Connection) -> None:
    await add(owner, 1)
    await add(owner, 2, is_simple=False, arm="BASELINE", chosen_model="top", chosen_nano_credits=1_000)
    await add(owner, 3, is_simple=False, chosen_nano_credits=1_500)
    await add(owner, 4, baseline_nano_credits=None)
    await add(owner, 5, arm="SHADOW")
    await add(owner, 6, arm="OVERRIDDEN")
    await add(owner, 7, place_time=START + dt.timedelta(days=31))
    found = await savings(client)
    assert sums(found.simple) == (1, 1, 1_000, 600)
    assert sums(found.complex) == (2, 0, 2_000, -500), "an escalation counts against the saving"
    assert sums(found.overall) == (3, 1, 3_000, 100)
    assert sums(found.shadow) == (1, 0, 1_000, 600)


async def test_conversations_held_out_show_what_was_really_saved(client: Client, owner: asyncpg.Connection) -> None:
    for number in range(4):
        await add(owner, number, session=f"routed-{number // 2}", chosen_nano_credits=300)
    for number in range(4, 6):
        await add(owner, number, arm="HOLDOUT", session=f"held-out-{number}", baseline_nano_credits=1_000)
    found = (await savings(client)).holdout
    assert (found.routed_session_count, found.held_out_session_count) == (2, 2)
    assert (found.saved_basis_points, found.saved_basis_points_low, found.saved_basis_points_high) == (4_000,) * 3
    assert found.output_basis_points == 10_000
    assert sums((await savings(client)).overall)[0] == 4, "calls held out are not savings"


async def test_everyone_sees_the_savings_of_the_calls_in_reach(client: Client, owner: asyncpg.Connection) -> None:
    await add(owner, 1)
    assert sums((await savings(client, "sales")).overall)[0] == 1
    assert sums((await savings(client, "member")).overall)[0] == 0
    period = TimeRange(start_time=at(START))
    request = routing_policy_pb2.QueryRoutingSavingsRequest(name=ACME, time_range=period)
    assert await client.code("QueryRoutingSavings", request, "stranger") is grpc.StatusCode.PERMISSION_DENIED


async def test_a_month_without_routed_calls_saved_nothing(client: Client) -> None:
    found = await savings(client)
    assert sums(found.overall) == (0, 0, 0, 0)
    assert not found.holdout.HasField("saved_basis_points")


def counts(found: QueryRoutingSavingsResponse) -> dict[str, tuple[int, int, int, int]]:
    return {
        one.name: (
            one.routed_bad_session_count,
            one.routed_session_count,
            one.held_out_bad_session_count,
            one.held_out_session_count,
        )
        for one in found.quality
    }


async def test_what_went_wrong_is_counted_by_conversation_for_routed_ones_and_those_held_out(
    client: Client, owner: asyncpg.Connection
) -> None:
    await add(owner, 1, session="a", signals=["truncated"], turns=1)
    await add(owner, 2, session="a", signals=["refused"], turns=2)
    await add(owner, 3, session="b", signals=["failed"], turns=1)
    await add(owner, 4, session="c", signals=["abandoned"], rating="bad")
    await add(owner, 5, session="c", rating="good")
    await add(owner, 6, session="d", rating="good")
    await add(owner, 7, session="x", arm="HOLDOUT", rating="good")
    await add(owner, 8, session="y", arm="HOLDOUT", signals=["truncated"])
    assert counts(await savings(client)) == {
        "rated_bad": (1, 2, 0, 1),
        "asked_again": (0, 4, 0, 2),
        "refused": (1, 4, 0, 2),
        "truncated": (1, 4, 1, 2),
        "abandoned": (1, 4, 0, 2),
        "troubled": (2, 4, 1, 2),
        "failed": (1, 4, 0, 2),
    }
    [rated, *_] = (await savings(client)).quality
    assert rated.difference_basis_points == 5_000
    assert rated.difference_basis_points_low < 0 < 5_000 < rated.difference_basis_points_high


@pytest.mark.parametrize(
    ("turns", "minutes", "signals", "again"),
    [
        ((3, 3), 1, [], 1),
        ((3, 5), 1, [], 0),
        ((3, 3), 10, [], 0),
        ((None, None), 1, [], 0),
        ((3, 3), 1, ["failed"], 0),
    ],
)
async def test_a_call_with_as_many_turns_soon_after_asks_again_unless_the_first_failed(
    client: Client,
    owner: asyncpg.Connection,
    turns: tuple[int | None, int | None],
    minutes: int,
    signals: list[str],
    again: int,
) -> None:
    await add(owner, 1, session="a", turns=turns[0], signals=signals)
    await add(owner, 2, session="a", turns=turns[1], place_time=START + dt.timedelta(minutes=minutes))
    await add(owner, 3, session="b", turns=turns[0])
    assert counts(await savings(client))["asked_again"][:2] == (again, 2)


async def test_calls_without_a_counterpart_say_nothing_of_quality(client: Client, owner: asyncpg.Connection) -> None:
    broken: dict[str, Any] = {"signals": ["truncated"]}
    await add(owner, 1, session="a", arm="SHADOW", **broken)
    await add(owner, 2, session="b", arm="BASELINE", chosen_model="top", **broken)
    await add(owner, 3, session="c", reason="degraded", **broken)
    await add(owner, 4, session="d", baseline_price_version=0, **broken)
    await add(owner, 5, session=None, **broken)
    found = await savings(client)
    assert set(counts(found).values()) == {(0, 0, 0, 0)}
    assert not any(one.HasField("difference_basis_points") for one in found.quality)


async def outcomes(client: Client, member: str = "super", *, by_rating: bool = False) -> list[OutcomePair]:
    period = TimeRange(start_time=at(START), end_time=at(START + dt.timedelta(days=31)))
    request = routing_policy_pb2.QueryRoutingOutcomesRequest(name=ACME, time_range=period, by_rating=by_rating)
    return list((await client.call("QueryRoutingOutcomes", request, member)).pairs)


async def test_routed_conversations_are_paired_with_some_that_were_held_out(
    client: Client, owner: asyncpg.Connection
) -> None:
    await add(owner, 1, session="a", signals=["truncated"])
    await add(owner, 2, session="a")
    await add(owner, 3, session="b")
    await add(owner, 4, session="c", use_case="contracts")
    await add(owner, 5, session="x", arm="HOLDOUT")
    await add(owner, 6, session="y", arm="HOLDOUT", use_case="poems")
    [pair] = await outcomes(client)
    assert (pair.pair_id, pair.use_case, pair.routed_model, pair.baseline_model) == ("a-x", "summaries", "light", "top")
    assert (pair.routed.good, pair.held_out.good) == (False, True)
    assert (pair.routed.input_token_count, pair.held_out.input_token_count) == (80, 40), (
        "of all calls of a conversation"
    )
    assert (pair.routed.output_token_count, pair.held_out.output_token_count) == (40, 20)
    assert await outcomes(client, "member") == [], "the calls are not in reach"


async def test_by_rating_only_rated_conversations_count(client: Client, owner: asyncpg.Connection) -> None:
    await add(owner, 1, session="a", signals=["truncated"])
    await add(owner, 2, session="b", rating="good", signals=["truncated"])
    await add(owner, 3, session="x", arm="HOLDOUT", rating="bad")
    [pair] = await outcomes(client, by_rating=True)
    assert (pair.pair_id, pair.routed.good, pair.held_out.good) == ("b-x", True, False)
