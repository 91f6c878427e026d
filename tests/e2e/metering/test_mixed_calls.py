"""Many random calls: what the upstream counted, priced by arithmetic of its own, is what usage records and ledger say.

The cost in the header of an answer, where there is one, is the charge of the record.

`MIXED_CALLS` and `MIXED_SEED` choose how many calls, and which ones.
"""

import asyncio
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg
import pytest

from deploy.local.stack.specification import DEFAULT_CATALOG
from deploy.local.supervision.embedded_stack import Stack
from gateway_core.contract.headers import COST, REQUEST_ID
from gateway_core.model.money import format_credits
from tests.e2e.conftest import pepper_of, wait_settled
from tests.support.data.tenants import CREDIT, make_tenant
from tests.support.metered_calls import Metering
from tests.support.mixed_calls.comparison import Difference, differences, table
from tests.support.mixed_calls.plans import Ending, Plan, make_plans
from tests.support.mixed_calls.tally import PriceList
from tests.support.mixed_calls.upstream import PlannedUpstream
from tests.support.servers.scripted_upstream import ScriptedUpstream
from tests.support.unanswered_calls import MOST_UNANSWERED, UnansweredCallWarning

CALLS = int(os.environ.get("MIXED_CALLS", "300"))
SEED = int(os.environ.get("MIXED_SEED", "1"))
AT_ONCE = 12
PAID_IN = 10**7 * CREDIT
TIMEOUT_S = max(120, CALLS // 4)


@dataclass(frozen=True)
class Made:
    """What the callers saw."""

    statuses: dict[int, int] = field(default_factory=dict)
    """The last status of each call."""
    costs: dict[str, str] = field(default_factory=dict)
    """The cost that the header of an answer told, by request id."""
    unanswered: set[int] = field(default_factory=set)
    """Calls without an answer, by number."""


async def make_calls(metering: Metering, plans: list[Plan]) -> Made:
    """Makes all calls, some at a time, and reads some stored responses again."""
    slots = asyncio.Semaphore(AT_ONCE)
    made = Made()

    async def make(plan: Plan) -> None:
        async with slots:
            try:
                reply = await metering.call(
                    plan.body if isinstance(plan.body, bytes) else dict(plan.body),
                    plan.path,
                    headers=plan.headers,
                    hang_up_after_events=plan.hang_up_after_events,
                    hang_up_after_bytes=plan.hang_up_after_bytes,
                )
            except TimeoutError as error:
                warnings.warn(UnansweredCallWarning(str(error)), stacklevel=1)
                made.unanswered.add(plan.number)
                return
            made.statuses[plan.number] = reply.status
            if COST in reply.headers:
                made.costs[reply.headers[REQUEST_ID]] = reply.headers[COST]
            if plan.stored_id and plan.number % 2:
                again = await metering.call(b"", f"/v1/responses/{plan.stored_id}", method="GET")
                made.statuses[plan.number] = again.status
                assert COST not in again.headers

    await asyncio.gather(*(make(plan) for plan in plans))
    return made


async def compare(
    metering: Metering, planned: PlannedUpstream, prices: PriceList, costs: Mapping[str, str]
) -> list[Difference]:
    """Compares every record with the tally of its request, and the ledger with the sum of the records."""
    tallies = planned.tallies
    records = await wait_settled(metering.tenant, len(tallies), 60)
    findings = await metering.tenant.database.fetch(
        "SELECT hold_id, kinds FROM usage_findings WHERE organization_id = $1", metering.tenant.organization
    )
    kinds = {row["hold_id"]: frozenset(row["kinds"]) for row in findings}
    assert {record["request_id"] for record in records} == set(tallies)
    found: list[Difference] = []
    for record in records:
        cost, charge = costs.get(record["request_id"]), format_credits(record["charge_nano_credits"])
        if cost is not None and cost != charge:
            found.append(Difference(tallies[record["request_id"]], "cost told", charge, cost))
        found += differences(tallies[record["request_id"]], record, kinds.get(record["hold_id"], frozenset()), prices)
    charged = sum(record["charge_nano_credits"] for record in records)
    assert await metering.tenant.balance() == PAID_IN - charged
    if not found:
        by_source = {"provider": 0, "estimated": 0, "none": 0}
        for record in records:
            by_source[record["source"]] += record["charge_nano_credits"]
        counted = [tallies[record["request_id"]].tally for record in records if record["source"] == "provider"]
        assert by_source["provider"] == sum(map(prices.charge, counted))
        assert by_source["none"] == 0
    return sorted(found, key=lambda one: one.plan.number)


@pytest.mark.timeout(TIMEOUT_S)
async def test_the_books_agree_with_the_tally_of_the_upstream(
    metered_stack: Stack, metered_database: asyncpg.Pool, upstream: ScriptedUpstream
) -> None:
    tenant = await make_tenant(metered_database, pepper_of(metered_stack), PAID_IN)
    metering = Metering(metered_stack, tenant, upstream)
    prices = PriceList(DEFAULT_CATALOG)
    plans = make_plans(SEED, CALLS, prices)
    planned = PlannedUpstream(plans)
    upstream.choose(planned.script_of)
    made = await make_calls(metering, plans)
    assert len(made.unanswered) <= MOST_UNANSWERED
    answered = [plan for plan in plans if plan.number not in made.unanswered]
    refused = [plan for plan in answered if plan.ending is not Ending.FAILED and made.statuses[plan.number] != 200]
    assert not refused, [(plan.number, plan.path, made.statuses[plan.number]) for plan in refused]
    found = await compare(metering, planned, prices, made.costs)
    assert len(made.costs) > CALLS // 20
    assert planned.repeated == []
    assert planned.read_again
    assert not found, table(found)
