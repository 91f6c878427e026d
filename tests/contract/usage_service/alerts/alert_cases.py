"""A member with a budget of some calls, and calls of theirs."""

import time
from typing import Final

import asyncpg

from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import ScopeKind
from gateway_core.stores.postgres.connections import Connection
from tests.contract.usage_service.settlement_cases import charge, make_hold, make_settlement
from usage_service.settlement.store import settle_batch

CALL: Final = charge()
MEMBER: Final = Counter(ScopeKind.MEMBER, "mia", Cycle.NEVER, 0)


async def set_budget(owner: asyncpg.Connection, calls: int, cycle: str = "NEVER") -> None:
    await owner.execute(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle)"
        " VALUES ('acme', 'member', 'mia', $1, $2) ON CONFLICT (organization_id, scope_kind, scope_id)"
        " DO UPDATE SET budget_nano_credits = excluded.budget_nano_credits, cycle = excluded.cycle",
        calls * CALL,
        cycle,
    )


async def calls(owner: Connection, count: int, counter: Counter = MEMBER) -> None:
    holds = [make_hold(counters=(counter,), placed_epoch_us=int(time.time() * 1e6)) for _ in range(count)]
    await settle_batch(owner, [make_settlement(hold) for hold in holds])
