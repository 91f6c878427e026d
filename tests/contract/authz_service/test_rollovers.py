"""What is left of a budget is carried into the next period, once, whatever happens to Redis, and never spent twice.

The clock of authz_service is set; that of PostgreSQL stays at today. So today is the period before tomorrow.
"""

import asyncio
import json
import time
from collections.abc import Callable

import asyncpg
import pytest
from redis.asyncio import Redis

from authz_service.check import AuthzService
from gateway_core.model.calls.holds import HoldState, verify_hold
from gateway_core.model.catalog.pricing import ChargeLine
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.stores.redis.keys import counter_key
from tests.contract.authz_service.conftest import (
    SIGNING_KEY,
    Answer,
    Ask,
    check_request,
    checked,
    guard,
    ready,
)
from tests.contract.authz_service.holds.test_rebuilding import (
    admitted,
    dump,
    expect_redis_equals_the_holds_table,
    follow,
    registered,
    restore,
    settle,
)
from tests.contract.usage_service.audit.books import audit, broken
from tests.contract.usage_service.carried_budget import other_zone_of_the_same_day
from tests.contract.usage_service.settlement_cases import make_report
from usage_service.settlement.charge_decision import Resolution, SettlementDetail, UsageSource
from usage_service.settlement.rows import Settlement
from usage_service.settlement.store import settle_batch

CREDIT = 10**9
DAY_S = 86_400
MIDNIGHT_S = (int(time.time()) // DAY_S + 1) * DAY_S
SCOPES = [("api_key", "key-1"), ("member", "mia"), ("group", "g1"), ("organization", "acme")]

SetClock = Callable[[float], None]


@pytest.fixture
def set_clock(service: AuthzService) -> SetClock:
    """Returns a function that stops the service's clock, in seconds after the next midnight."""

    def set_clock(after_midnight_s: float) -> None:
        service._authorizer.now_ns = lambda: int((MIDNIGHT_S + after_midnight_s) * 1_000) * 10**6

    return set_clock


async def carry_over(
    owner: asyncpg.Connection,
    budget: int,
    cap: int | None = None,
    kind: str = "member",
    scope_id: str = "mia",
    **more: object,
) -> None:
    rollover = {} if cap is None else {"cap": cap * CREDIT}
    limits = {"budget_nano_credits": budget * CREDIT, "cycle": "DAILY", "rollover": json.dumps(rollover)}
    await guard(owner, kind, scope_id, **limits, **more)
    await asyncio.sleep(0.2)


async def spend(service: AuthzService, owner: asyncpg.Connection, calls: int) -> None:
    """Makes calls that cost one credit each, and settles them."""
    before = await owner.fetchval("SELECT count(*) FROM holds")
    assert await admitted(service, calls) == calls
    await registered(owner, before + calls)
    await settle(owner, calls)


async def void(owner: asyncpg.Connection, count: int) -> None:
    """Settles the oldest open holds at nothing."""
    tokens = await owner.fetch("SELECT token FROM holds WHERE state = 'HELD' ORDER BY placement LIMIT $1", count)
    nothing = Resolution(HoldState.VOIDED, UsageSource.NONE, SettlementDetail.PROVIDER_UNAVAILABLE)
    holds = [verify_hold(row["token"], bytes.fromhex(SIGNING_KEY)) for row in tokens]
    await settle_batch(owner, [Settlement(hold, make_report(hold), nothing) for hold in holds])


@pytest.mark.parametrize(("kind", "scope_id"), SCOPES)
async def test_what_is_left_is_carried_into_the_next_period(
    service: AuthzService, owner: asyncpg.Connection, set_clock: SetClock, kind: str, scope_id: str
) -> None:
    set_clock(-60)
    await carry_over(owner, 5, kind=kind, scope_id=scope_id)
    await spend(service, owner, 2)
    set_clock(60)
    assert await admitted(service, 12) == 5 + 3


async def test_without_rollover_nothing_is_carried_and_nothing_recorded(
    service: AuthzService, owner: asyncpg.Connection, redis: Redis, set_clock: SetClock
) -> None:
    set_clock(-60)
    await guard(owner, "member", "mia", budget_nano_credits=5 * CREDIT, cycle="DAILY")
    await spend(service, owner, 2)
    set_clock(60)
    assert await admitted(service, 12) == 5
    assert await owner.fetchval("SELECT count(*) FROM budget_carries") == 0
    async for key in redis.scan_iter(match=counter_key("acme", "*")):
        assert not {"base", "cap", "closed"} & set(await redis.hkeys(key))


@pytest.mark.parametrize(
    ("cap", "idle", "carried"), [(None, 1, 5), (None, 30, 5), (2, 1, 2), (12, 1, 5), (12, 3, 12), (12, 30, 12)]
)
async def test_however_many_periods_are_idle_at_most_the_cap_is_carried(
    service: AuthzService, owner: asyncpg.Connection, set_clock: SetClock, cap: int | None, idle: int, carried: int
) -> None:
    set_clock(-60)
    await carry_over(owner, 5, cap)
    set_clock((idle - 1) * DAY_S)
    assert await admitted(service, 30) == 5 + carried


async def test_an_overspent_period_carries_nothing(
    service: AuthzService, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    set_clock(-60)
    await carry_over(owner, 5)
    await spend(service, owner, 4)
    await carry_over(owner, 3)
    set_clock(60)
    assert await admitted(service, 12) == 3


@pytest.mark.also_on_cluster
async def test_open_calls_of_the_period_before_count_in_full_until_they_end(
    service: AuthzService, ask: Ask, owner: asyncpg.Connection, redis: Redis, database_url: str, set_clock: SetClock
) -> None:
    """Seen to fail with only what the period before has settled: 10 calls passed, and 12 credits were held of 10."""
    set_clock(-60)
    await carry_over(owner, 5)
    assert await admitted(service, 2) == 2
    await registered(owner, 2)
    set_clock(60)
    assert await admitted(service, 12) == 5 + 3
    await registered(owner, 10)
    refused = await ask()
    assert (refused.status, refused.code) == (429, "budget_in_use")
    await void(owner, 2)
    await follow(database_url, redis)
    assert await admitted(service, 12) == 2
    await registered(owner, 12)
    await settle(owner, 12)
    await follow(database_url, redis)
    await expect_redis_equals_the_holds_table(owner, redis)
    refused = await ask()
    assert (refused.status, refused.code) == (402, "budget_exhausted")
    assert "0.00 of 10.00 are left" in refused.body["error"]["message"]
    (limit,) = refused.body["error"]["limits"]
    assert (limit["limit_nano_credits"], limit["carried_nano_credits"]) == (str(5 * CREDIT), str(5 * CREDIT))


async def test_a_refusal_does_not_say_what_a_shared_budget_carried(
    service: AuthzService, ask: Ask, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    set_clock(-60)
    await carry_over(owner, 5, kind="group", scope_id="g1")
    await spend(service, owner, 3)
    set_clock(60)
    assert await admitted(service, 12) == 7
    refused = await ask()
    (limit,) = refused.body["error"]["limits"]
    assert limit["limit_nano_credits"] == str(5 * CREDIT)
    assert "carried_nano_credits" not in limit
    assert "7.00" not in refused.body["error"]["message"]


@pytest.mark.parametrize("loss", ["emptied", "restored"])
async def test_a_redis_that_lost_its_state_carries_the_same(
    service: AuthzService, owner: asyncpg.Connection, redis: Redis, database_url: str, set_clock: SetClock, loss: str
) -> None:
    set_clock(-60)
    await carry_over(owner, 5)
    await spend(service, owner, 1)
    assert await admitted(service, 1) == 1
    await registered(owner, 2)
    set_clock(60)
    assert await admitted(service, 2) == 2
    await registered(owner, 4)
    saved = await dump(redis)
    assert await admitted(service, 2) == 2
    await registered(owner, 6)
    if loss == "emptied":
        await redis.flushall()
    else:
        await asyncio.sleep(1)
        await restore(redis, saved)
    assert await admitted(service, 12) == 5 + 3 - 4
    await registered(owner, 10)
    await follow(database_url, redis)
    await expect_redis_equals_the_holds_table(owner, redis)
    assert await owner.fetchval("SELECT count(*) FROM budget_carries") == 2


async def test_a_replica_whose_clock_is_late_cannot_spend_what_was_carried(
    service: AuthzService, ask: Ask, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    """Seen to fail without the closing of the period before: both periods spent the same five credits."""
    set_clock(-60)
    await carry_over(owner, 5)
    set_clock(60)
    assert await admitted(service, 1) == 1
    set_clock(-60)
    assert (await ask()).status == 429
    set_clock(60)
    assert await admitted(service, 12) == 9


async def test_replicas_on_both_sides_of_a_boundary_spend_exactly_both_budgets(
    settings: AuthzSettings, organization: str, owner: asyncpg.Connection, redis: Redis, database_url: str
) -> None:
    async with ready(settings) as early, ready(settings) as late:
        early._authorizer.now_ns = lambda: (MIDNIGHT_S - 1) * 10**9
        late._authorizer.now_ns = lambda: (MIDNIGHT_S + 1) * 10**9
        await carry_over(owner, 20)

        async def call(service: AuthzService, after_s: float) -> bool:
            await asyncio.sleep(after_s)
            return Answer(await checked(service, check_request())).allowed

        load = [call(early, number / 400) for number in range(30)] + [
            call(late, 0.03 + number / 400) for number in range(60)
        ]
        passed = sum(await asyncio.gather(*load))
        passed += await admitted(late, 60)
        assert passed == 40
        await registered(owner, 40)
        await settle(owner, 40)
        await follow(database_url, redis)
        await expect_redis_equals_the_holds_table(owner, redis)
        assert await admitted(late, 5) == 0


async def test_a_changed_budget_does_not_change_what_the_period_before_left(
    service: AuthzService, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    """Seen to fail without the trigger that records the present period before a change: nothing was carried."""
    set_clock(-DAY_S - 60)
    await carry_over(owner, 5)
    await owner.execute("UPDATE budget_carries SET period_start = period_start - $1, counter = replace(counter, $2, $3)",
                        DAY_S, str(MIDNIGHT_S - DAY_S), str(MIDNIGHT_S - 2 * DAY_S))  # fmt: skip
    await spend(service, owner, 2)
    await carry_over(owner, 50)
    set_clock(-60)
    assert await admitted(service, 60) == 50 + 3


async def test_what_a_temporary_budget_added_is_not_carried(
    service: AuthzService, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    set_clock(-60)
    temporary = json.dumps({"end_us": (MIDNIGHT_S + DAY_S) * 10**6, "budget_nano_credits": 9 * CREDIT})
    await carry_over(owner, 5, temporary_limit=temporary)
    await spend(service, owner, 4)
    set_clock(60)
    assert await admitted(service, 20) == 9 + 1


async def test_a_smaller_temporary_budget_at_the_end_of_a_period_is_what_the_period_had(
    service: AuthzService, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    set_clock(-60)
    temporary = json.dumps({"end_us": (MIDNIGHT_S + 30) * 10**6, "budget_nano_credits": 3 * CREDIT})
    await carry_over(owner, 5, temporary_limit=temporary)
    await spend(service, owner, 1)
    set_clock(60)
    assert await admitted(service, 20) == 5 + 2


async def test_the_first_period_after_rollover_was_enabled_begins_with_nothing_carried(
    service: AuthzService, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    set_clock(-DAY_S - 60)
    await guard(owner, "member", "mia", budget_nano_credits=5 * CREDIT, cycle="DAILY")
    await spend(service, owner, 1)
    set_clock(-60)
    await spend(service, owner, 1)
    await carry_over(owner, 5)
    assert await admitted(service, 20) == 4


async def test_disabled_rollover_takes_back_what_was_carried_and_enabled_again_gives_no_more_than_before(
    service: AuthzService, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    set_clock(-60)
    await carry_over(owner, 5)
    await spend(service, owner, 2)
    set_clock(60)
    assert await admitted(service, 6) == 6
    await guard(owner, "member", "mia", rollover=None)
    await asyncio.sleep(0.2)
    assert await admitted(service, 6) == 0
    await carry_over(owner, 5)
    assert await admitted(service, 6) == 2


@pytest.mark.parametrize("change", ["reset_time = clock_timestamp()", "cycle = 'WEEKLY'"])
async def test_a_reset_and_a_changed_cycle_begin_with_nothing_carried(
    service: AuthzService, owner: asyncpg.Connection, set_clock: SetClock, change: str
) -> None:
    set_clock(-60)
    await carry_over(owner, 5, 3)
    await owner.execute("UPDATE budget_carries SET base_nano_credits = $1, cap_nano_credits = $1", 3 * CREDIT)
    assert await owner.fetchval("SELECT present_carry('acme', 'member', 'mia')") == 3 * CREDIT
    await owner.execute(f"UPDATE guardrails SET {change}")  # noqa: S608 - one of the two above
    assert await owner.fetchval("SELECT present_carry('acme', 'member', 'mia')") == 0
    await asyncio.sleep(0.2)
    assert await admitted(service, 20) == 5


async def test_a_changed_time_zone_keeps_what_was_carried(
    service: AuthzService, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    set_clock(-60)
    await carry_over(owner, 5, 3)
    await owner.execute("UPDATE budget_carries SET base_nano_credits = $1, cap_nano_credits = $1", 3 * CREDIT)
    await spend(service, owner, 2)
    await owner.execute("UPDATE organizations SET time_zone = $1", other_zone_of_the_same_day(time.time()))
    assert await owner.fetchval("SELECT present_carry('acme', 'member', 'mia')") == 3 * CREDIT


async def test_a_charge_older_than_the_period_before_counts_on_the_present_period_too(
    service: AuthzService, owner: asyncpg.Connection, redis: Redis, database_url: str, set_clock: SetClock
) -> None:
    """Seen to fail without the dependent counters: the late credit was spent twice."""
    set_clock(-60)
    await carry_over(owner, 5, 20)
    assert await admitted(service, 1) == 1
    await registered(owner, 1)
    (token,) = await owner.fetch("SELECT token FROM holds")
    hold = verify_hold(token["token"], bytes.fromhex(SIGNING_KEY))
    expired = Resolution(HoldState.EXPIRED, UsageSource.NONE, SettlementDetail.UNCONFIRMED)
    await settle_batch(owner, [Settlement(hold, make_report(hold), expired)])
    await follow(database_url, redis)
    set_clock(2 * DAY_S)
    assert await admitted(service, 1) == 1
    await registered(owner, 2)
    lines = (ChargeLine("output", 1, 10**15, hold.amount_nano_credits),)
    used = Resolution(HoldState.SETTLED, UsageSource.PROVIDER, SettlementDetail.COMPLETED, lines=lines)
    await settle_batch(owner, [Settlement(hold, make_report(hold), used)])
    await follow(database_url, redis)
    assert await admitted(service, 40) == 20 - 1 - 1
    await registered(owner, 20)
    await expect_redis_equals_the_holds_table(owner, redis)
    assert {"spend-is-recomputed", "carries-are-recomputed"}.isdisjoint(broken(await audit(database_url)))


@pytest.mark.parametrize("settled", [5, 6])
async def test_a_soft_threshold_in_percent_grows_with_what_is_carried(
    service: AuthzService, ask: Ask, owner: asyncpg.Connection, redis: Redis, database_url: str, set_clock: SetClock,
    settled: int,
) -> None:  # fmt: skip
    set_clock(-60)
    await carry_over(owner, 5, soft_budget=json.dumps({"percent": 60}))
    set_clock(60)
    await spend(service, owner, settled)
    await follow(database_url, redis)
    added = (await ask()).response.ok_response.response_headers_to_add
    headers = [option.header.value for option in added if option.header.key == "x-megarouter-soft-budget-reached"]
    assert headers == (["member"] if settled == 6 else [])
    events = await owner.fetch("SELECT threshold_nano_credits FROM budget_events")
    assert [row[0] for row in events] == ([6 * CREDIT] if settled == 6 else [])


async def test_a_budget_for_some_models_carries_over_by_a_cycle_of_its_own(
    service: AuthzService, owner: asyncpg.Connection, set_clock: SetClock
) -> None:
    set_clock(-60)
    budget = ["model-a", 5 * CREDIT, {"cycle": "DAILY", "rollover": {}}]
    await guard(owner, "member", "mia", model_budgets=json.dumps([budget]), cycle="MONTHLY")
    await asyncio.sleep(0.2)
    await spend(service, owner, 2)
    set_clock(60)
    assert await admitted(service, 12) == 5 + 3
    assert await owner.fetchval("SELECT count(*) FROM budget_carries WHERE counter LIKE '%:model-a'") == 2
