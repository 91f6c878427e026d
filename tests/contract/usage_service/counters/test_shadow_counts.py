"""Settlement also records shadow refusals and the last use of a key on the counters."""

import datetime as dt
from typing import Any

import asyncpg

from deploy.local.stack.database_urls import login_url
from gateway_core.model.limits.throttles import Throttle, ThrottleKind
from gateway_core.model.organization.scopes import Scope, ScopeKind
from tests.contract.usage_service.settlement_cases import (
    ROLE,
    SCHEDULE,
    breaches,
    make_hold,
    make_report,
    make_settlement,
    prepare,
)
from usage_service.counters.ledger_events import LedgerEvents
from usage_service.settlement.charge_decision import ExpiredHoldPolicy, expire
from usage_service.settlement.rows import Settlement
from usage_service.settlement.store import settle_batch

LIMITED: dict[str, Any] = {"facts": {}, "http_status": 429, "upstream_host": None, "flags": frozenset({"RL"})}


async def counts(owner: asyncpg.Connection) -> dict[str, int]:
    """Returns the nonzero counts, by kind of scope."""
    rows = await owner.fetch("SELECT counter, shadow_refusal_count FROM scope_spend WHERE shadow_refusal_count <> 0")
    return {counter.partition(":")[0]: count for counter, count in rows}


async def test_shadow_refusals_are_counted_once_per_call(
    owner: asyncpg.Connection,
) -> None:
    await prepare(owner)
    both = make_settlement(make_hold(shadow_refusals=(0, 2)))
    one = make_settlement(make_hold(shadow_refusals=(2,)))
    await settle_batch(owner, [both, one, both])
    await settle_batch(owner, [one])
    assert await counts(owner) == {"api_key": 1, "organization": 2}


async def test_a_shadow_rate_limit_counts_once_with_others_of_its_guardrail(
    owner: asyncpg.Connection,
) -> None:
    await prepare(owner)
    hold = make_hold(shadow_refusals=(1,))
    scopes = frozenset(counter.scope for counter in hold.claims.counters[:2])
    await settle_batch(owner, [make_settlement(hold, shadow_rate_limited=scopes)])
    assert await counts(owner) == {"api_key": 1, "member": 1}


async def test_a_voided_call_counts_shadow_refusals_but_not_as_use(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    await settle_batch(owner, [make_settlement(make_hold(shadow_refusals=(0,)), **LIMITED)])
    row = await owner.fetchrow(
        "SELECT shadow_refusal_count, call_count, last_use_time FROM scope_spend WHERE counter LIKE 'api%'"
    )
    assert tuple(row or ()) == (1, 0, None)
    assert await breaches(owner) == []


async def test_a_correction_of_an_expired_hold_counts_nothing_twice(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    hold = make_hold(shadow_refusals=(0,))
    await settle_batch(
        owner, [Settlement(hold, make_report(hold), expire(hold, ExpiredHoldPolicy.CHARGE_HOLD, SCHEDULE))]
    )
    await settle_batch(owner, [make_settlement(hold)])
    assert await counts(owner) == {"api_key": 1}
    assert await breaches(owner) == []


async def test_the_last_use_of_a_key_is_the_admission_of_its_latest_call(owner: asyncpg.Connection) -> None:
    await prepare(owner)
    moments = [1_780_000_000_000_000, 1_780_000_900_000_000, 1_780_000_500_000_000]
    for moment in moments:
        await settle_batch(owner, [make_settlement(make_hold(placed_epoch_us=moment))])
    await settle_batch(owner, [make_settlement(make_hold(api_key="key-2", placed_epoch_us=moments[2]))])
    rows = await owner.fetch("SELECT organization_id, api_key_id, last_use_time FROM api_key_usage")
    assert [tuple(row) for row in rows] == [("acme", "key-1", dt.datetime.fromtimestamp(moments[1] // 10**6, dt.UTC))]


async def test_settlement_updates_redis_with_the_usage_of_throttled_calls(
    owner: asyncpg.Connection, database_url: str
) -> None:
    await prepare(owner)
    throttle = Throttle(ThrottleKind.TOKENS, Scope(ScopeKind.MEMBER, "mia"))
    hold = make_hold(throttles=(throttle,))
    await settle_batch(owner, [make_settlement(hold, input_tokens=40, output_tokens=20)])
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=1) as pool:
        event = (await LedgerEvents(pool).after("acme", 1))[0]
    assert (event.hold_id, event.used_tokens, event.throttles) == (hold.hold_id, 60, ("tokens:member:mia",))
