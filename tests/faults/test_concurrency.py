"""Many concurrent calls compete for the last of a limit. The calls served fit the limit at every scope, with one replica or three.

Seen to fail with admission in two steps (check every limit, then place the hold unchecked): each of these tests served 101 to 116
of 100 in some runs, and 30 to 34 of 20 calls of unequal cost. With a lock around both steps in each process, one process admits
exactly a hundred, but three processes admit more.
"""

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from deploy.local.stack.environment import DATABASE_URL, REDIS_URL, choose_backends
from deploy.local.stack.layout import Ports
from tests.e2e.conftest import wait_settled
from tests.faults.conftest import Servers, World
from tests.support.data.tenants import Tenant, make_tenant
from tests.support.faults.counted_calls import Held, all_at_once, counted_call, from_many_addresses
from tests.support.faults.load import Request, call
from tests.support.faults.recovery import FIGURES, Overspend
from tests.support.faults.replicas import replicated
from tests.support.ports import free_port_base

CALLS = 1_000
ADMITTED = 100
REPLICAS = 3
STALL_MS = 700
"""Longer than the decisions on all calls take, so that all calls compete while those served are still under way."""
UNEQUAL_CALLS = 100
UNEQUAL_ADMITTED = 20
PLENTY = 10**13

Scopes = list[tuple[str, str]]
EVERY_SCOPE: Scopes = [
    ("api_key", "key-1"),
    ("member", "mia"),
    *(("group", f"g{level}") for level in (4, 3, 2, 1)),
    ("organization", ""),
]
LIMITS: dict[str, Scopes] = {
    "key": [("api_key", "key-1")],
    "member": [("member", "mia")],
    **{f"group of level {level}": [("group", f"g{level}")] for level in (4, 3, 2, 1)},
    "organization": [("organization", "")],
    "every scope": EVERY_SCOPE,
    "credit": [],
}
"""The scopes that have the limit. Without a scope, the organization's credit is the limit."""


async def limited(world: World, scopes: Scopes, amount_nano_credits: int) -> Tenant:
    """Returns a tenant with this budget on each of the scopes, or with this credit if there are no scopes."""
    (pattern,) = await world.tenants(1)
    tenant = await make_tenant(world.database, pattern.pepper, PLENTY if scopes else amount_nano_credits)
    for kind, scope_id in scopes:
        await tenant.guard(kind, scope_id, budget_nano_credits=amount_nano_credits)
    return tenant


async def a_thousand(base_url: str, tenant: Tenant, request: Request, said: str) -> None:
    """Asserts that a hundred are served.

    The others are refused: with 429 while the hundred hold the budget, with 402 once it is spent, and on a slow machine
    with 503.
    """
    statuses = Counter(outcome.status for outcome in await from_many_addresses(base_url, tenant, [request] * CALLS))
    FIGURES.notes.append(f"{CALLS} concurrent calls against {ADMITTED} ({said}): {dict(statuses)}")
    assert statuses[200] == ADMITTED
    assert statuses.keys() <= {200, 402, 429, 503}


async def exactly_a_hundred(world: World, base_url: str, held: Held, limit: str, said: str) -> None:
    tenant = await limited(world, LIMITS[limit], (ADMITTED + 1) * held.nano_credits)
    before = await world.witness.last_sequence()
    # The counters exist before the thousand calls.
    assert (await call(world.session, base_url, tenant, held.request())).is_served
    await a_thousand(base_url, tenant, held.request(STALL_MS), said)
    records = await wait_settled(tenant, ADMITTED + 1)
    assert len(await world.witness.calls_after(before)) == ADMITTED + 1
    assert {record["charge_nano_credits"] for record in records} == {held.nano_credits}
    # Every call cost exactly its hold, so the budget is spent to the last nano-credit and no further.
    assert (await call(world.session, base_url, tenant, held.request())).status == 402


@pytest.mark.timeout(120)
@pytest.mark.parametrize("limit", LIMITS)
async def test_a_budget_for_a_hundred_admits_a_hundred_of_a_thousand_concurrent_calls(
    world: World, held: Held, limit: str
) -> None:
    await exactly_a_hundred(world, world.base_url, held, limit, limit)


@pytest.mark.timeout(120)
async def test_a_budget_for_a_hundred_admits_no_more_while_redis_is_empty(world: World, held: Held) -> None:
    """Every call finds its counters missing, and many try to rebuild them concurrently.

    Seen to fail without both the single rebuild for all calls that miss a counter and the guard that keeps a rebuilt counter: 228
    were served. Either alone is enough. Without these two and the guard of a rebuilt pool, 14 were served and the others got 503.
    """
    tenant = await limited(world, EVERY_SCOPE, ADMITTED * held.nano_credits)
    await a_thousand(world.base_url, tenant, held.request(STALL_MS), "every scope, nothing in Redis")


@pytest.fixture(scope="module")
async def replicated_url(world: World, servers: Servers) -> AsyncIterator[str]:
    backends = choose_backends({DATABASE_URL: servers[0].url, REDIS_URL: servers[1].url}, "", "")
    with replicated(world.stack, "replicas", backends, Ports(free_port_base()), [{}] * REPLICAS) as base_url:
        yield base_url


@pytest.mark.timeout(120)
@pytest.mark.parametrize("limit", LIMITS)
async def test_three_replicas_of_authz_service_admit_exactly_a_hundred(
    world: World, replicated_url: str, held: Held, limit: str
) -> None:
    await exactly_a_hundred(world, replicated_url, held, limit, f"{limit}, {REPLICAS} replicas")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("limit", LIMITS)
async def test_calls_of_unequal_cost_overspend_at_most_by_what_their_holds_fell_short(
    world: World, held: Held, limit: str
) -> None:
    """Checks the documented bound: limit + the sum over the calls in flight of (actual - hold).

    A call that costs less than its hold gives the difference back when it is settled. On a slow machine that may be before the
    last of the calls is decided, which may then be served from it.
    """
    limit_nano_credits = UNEQUAL_ADMITTED * held.nano_credits
    tenant = await limited(world, LIMITS[limit], limit_nano_credits)
    requests = [counted_call(10 * number, STALL_MS, 7 * number) for number in range(UNEQUAL_CALLS)]
    outcomes = await all_at_once(world.session, world.base_url, tenant, requests)
    served = sum(outcome.is_served for outcome in outcomes)
    records = await wait_settled(tenant, served)
    spent = sum(record["charge_nano_credits"] for record in records)
    bound = sum(max(record["charge_nano_credits"] - record["hold_nano_credits"], 0) for record in records)
    beyond = max(spent - limit_nano_credits, 0)
    FIGURES.overspends.append(Overspend(limit, served, limit_nano_credits, beyond, bound))
    given_back = sum(max(record["hold_nano_credits"] - record["charge_nano_credits"], 0) for record in records)
    assert UNEQUAL_ADMITTED <= served <= UNEQUAL_ADMITTED + given_back // held.nano_credits
    assert beyond <= bound
    assert bound > 0, "the calls must cost more than their holds to prove anything"
