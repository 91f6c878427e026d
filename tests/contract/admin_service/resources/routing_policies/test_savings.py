"""What routing saved: signed, by simple and complex calls, beside what a comparison shows, for the calls in reach."""

import datetime as dt
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from megarouter.admin.v1 import routing_policy_pb2
from megarouter.admin.v1.routing_policy_pb2 import QueryRoutingSavingsResponse, RoutingSavings
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


async def add(owner: asyncpg.Connection, number: int, **columns: Any) -> None:
    """Adds a settled call of the member `sales`, with what both models cost."""
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
