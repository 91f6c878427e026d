"""Forecasts over gRPC: what they are made from, for which scope, and for whom."""

import datetime as dt
import random
from typing import Final

import asyncpg
import grpc
import pytest
from megarouter.admin.v1 import analytics_pb2
from megarouter.admin.v1.analytics_pb2 import UsageForecast

from deploy.local.stack.database_urls import login_url
from tests.contract.admin_service.conftest import Client
from tests.contract.admin_service.resources.analytics.test_service import ORGANIZATION, PLACES, add_catalog_and_robot
from tests.support.usage.histories import UsageHistory
from usage_service.rollups.follower import RollupFollower, caught_up

SEEN: Final = {
    "super": ("", "groups/eng", "groups/sales", "members/sales", "serviceAccounts/sa-bot", "apiKeys/key-member"),
    "l1": ("groups/eng", "groups/platform", "members/member", "apiKeys/key-below"),
    "sub": ("groups/platform", "groups/inference", "members/below"),
    "member": ("members/member", "apiKeys/key-member"),
}
HIDDEN: Final = {
    "l1": ("", "groups/sales", "members/sales", "members/super", "apiKeys/key-sales", "members/unknown"),
    "sub": ("", "groups/eng", "members/l1", "groups/sales"),
    "member": ("", "groups/platform", "groups/eng", "members/sub", "apiKeys/key-sub", "members/below"),
}
"""Scopes by caller. An empty one is the organization."""


async def forecast(client: Client, scope: str | None = None, member: str = "super") -> UsageForecast:
    named = "" if scope is None else f"{ORGANIZATION}/{scope}".rstrip("/")
    request = analytics_pb2.GetUsageForecastRequest(name=ORGANIZATION, scope=named)
    answer: UsageForecast = await client.call("GetUsageForecast", request, member)
    return answer


@pytest.fixture
async def past(owner: asyncpg.Connection, client: Client, database_url: str) -> None:
    """Calls of every member in the last 40 days, most of them in rollups."""
    await add_catalog_and_robot(owner)
    now = dt.datetime.now(dt.UTC)
    calls = UsageHistory(random.Random(5), PLACES, now - dt.timedelta(days=40), now)
    await calls.settle(owner, 400)
    async with asyncpg.create_pool(login_url(database_url, "megarouter_usage"), min_size=1, max_size=3) as following:
        await caught_up(RollupFollower(following, lambda: now))
    await calls.settle(owner, 40)


async def set_budget(owner: asyncpg.Connection, kind: str, scope: str, budget: int, cycle: str) -> None:
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle)"
        " VALUES ('acme', $1, $2, $3, $4)",
        kind, scope, budget, cycle,
    )  # fmt: skip


async def charged(owner: asyncpg.Connection, since: dt.datetime) -> int:
    value = await owner.fetchval(
        "SELECT coalesce(sum(charge_nano_credits), 0)::bigint FROM usage_facts WHERE organization_id = 'acme' AND place_time >= $1",
        since,
    )
    assert isinstance(value, int)
    return value


async def test_without_a_budget_the_month_is_forecast(client: Client, owner: asyncpg.Connection, past: None) -> None:
    found = await forecast(client)
    start, end = (each.ToDatetime(dt.UTC) for each in (found.time_range.start_time, found.time_range.end_time))
    assert (start.day, end.day, start.hour) == (1, 1, 0)
    assert dt.timedelta(days=28) <= end - start <= dt.timedelta(days=31)
    assert found.spent_nano_credits == await charged(owner, start)
    assert found.state == UsageForecast.STATE_OK
    assert not found.HasField("budget_nano_credits")
    assert found.spent_nano_credits <= found.low_nano_credits <= found.expected_nano_credits <= found.high_nano_credits
    left = (end - dt.datetime.now(dt.UTC)) / dt.timedelta(days=1)
    a_day = await charged(owner, dt.datetime.now(dt.UTC) - dt.timedelta(days=40)) / 40
    assert found.expected_nano_credits - found.spent_nano_credits < 3 * a_day * left + 1


async def test_the_cycle_is_that_of_the_budget(client: Client, owner: asyncpg.Connection, past: None) -> None:
    await set_budget(owner, "group", "eng", 1, "WEEKLY")
    found = await forecast(client, "groups/eng")
    start, end = (each.ToDatetime(dt.UTC) for each in (found.time_range.start_time, found.time_range.end_time))
    assert (start.weekday(), end - start) == (0, dt.timedelta(days=7))
    assert (found.budget_nano_credits, found.state) == (1, UsageForecast.STATE_EXCEEDED)


async def test_a_budget_that_never_resets_is_forecast_to_the_end_of_the_month(
    client: Client, owner: asyncpg.Connection, past: None
) -> None:
    await set_budget(owner, "member", "member", 10**18, "NEVER")
    found = await forecast(client, "members/member")
    assert found.time_range.start_time.seconds == 0
    assert found.time_range.end_time.ToDatetime().day == 1
    assert (found.budget_nano_credits, found.state) == (10**18, UsageForecast.STATE_OK)


async def test_a_scope_without_calls_has_nothing_to_forecast(client: Client) -> None:
    found = await forecast(client, "members/below")
    assert (found.state, found.spent_nano_credits) == (UsageForecast.STATE_NONE, 0)
    assert not found.HasField("expected_nano_credits")


async def test_callers_see_forecasts_of_what_they_see_the_usage_of(client: Client, past: None) -> None:
    """Seen to fail without `_sees`: a member read the forecast of the organization."""
    for caller, scopes in SEEN.items():
        for scope in scopes:
            found = await forecast(client, scope, caller)
            assert found.scope == f"{ORGANIZATION}/{scope}".rstrip("/")
    for caller, scopes in HIDDEN.items():
        for scope in scopes:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await forecast(client, scope, caller)
            assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED, (caller, scope)


async def test_by_default_all_that_the_caller_sees_is_forecast(client: Client, past: None) -> None:
    scopes = {caller: (await forecast(client, None, caller)).scope for caller in ("super", "l1", "sub", "member")}
    assert scopes == {
        "super": ORGANIZATION,
        "l1": f"{ORGANIZATION}/groups/eng",
        "sub": f"{ORGANIZATION}/groups/platform",
        "member": f"{ORGANIZATION}/members/member",
    }


async def test_a_scope_that_is_none_is_refused(client: Client) -> None:
    for scope in ("organizations/acme/invites/x", "models/gpt", "acme"):
        request = analytics_pb2.GetUsageForecastRequest(name=ORGANIZATION, scope=scope)
        failure = await client.failure("GetUsageForecast", request)
        assert (failure.reason, failure.fields) == ("FIELD_INVALID", ("scope",))
    foreign = analytics_pb2.GetUsageForecastRequest(name=ORGANIZATION, scope="organizations/other/members/stranger")
    assert (await client.failure("GetUsageForecast", foreign)).code is grpc.StatusCode.PERMISSION_DENIED
