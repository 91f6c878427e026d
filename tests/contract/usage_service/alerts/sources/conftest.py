"""An organization with people, keys and a rule, whose alerts a test follows step by step."""

import datetime as dt
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import pytest

from deploy.local.stack.database_urls import login_url
from gateway_core.model.alerts.event_data import check_event
from gateway_core.model.limits.counters import Counter
from tests.contract.usage_service.settlement_cases import ROLE, make_hold, make_settlement, prepare
from usage_service.alerts.account_refusals import AccountRefusals
from usage_service.alerts.follower import AlertFollower
from usage_service.rollups.follower import RollupFollower
from usage_service.settlement.store import settle_batch


class Company:
    """An organization, as the owner of the database and the follower of its alerts see it."""

    def __init__(self, owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
        self.owner = owner
        self.account_refusals = AccountRefusals()
        self.follower = AlertFollower(pool, self.account_refusals)

    async def rule(self, *event_types: str, scope: str = "organization:acme", percents: Sequence[int] = (),
                   amounts: Sequence[int] = (), recipient: str = "OWNER", **conditions: int) -> None:  # fmt: skip
        """Adds a rule."""
        kind, scope_id = scope.split(":")
        await self.owner.execute(
            "INSERT INTO notification_rules (organization_id, rule_id, display_name, event_types, scope_kind, scope_id, percents,"
            " amounts_nano_credits, recipients, conditions, create_time)"
            " VALUES ('acme', 'r-' || (SELECT count(*) FROM notification_rules), 'R', $1, $2, $3, $4, $5, $6, $7,"
            " now() - interval '40 days')",
            list(event_types), kind, scope_id, list(percents), list(amounts), json.dumps([{"kind": recipient}]),
            json.dumps(conditions),
        )  # fmt: skip

    async def step(self, *, look: bool = False) -> None:
        """Follows once. With `look`, also what follows from the passing of time."""
        if look:
            await self.owner.execute("UPDATE alert_positions SET next_look_time = '-infinity'")
        await self.follower.follow_once()

    async def told(self) -> list[str]:
        """Returns what was told, in its order: type, scope and threshold."""
        rows = await self.owner.fetch(
            "SELECT event_type, scope_kind, scope_id, threshold, epoch FROM alert_events ORDER BY create_time, event_type, epoch"
        )
        return [" ".join(str(value) for value in row if value) for row in rows]

    async def inbox(self) -> list[str]:
        """Returns who found something in their inbox."""
        return [row[0] for row in await self.owner.fetch("SELECT DISTINCT member_id FROM inbox_entries ORDER BY 1")]

    async def data(self) -> dict[str, Any]:
        """Returns the data of the only event."""
        (row,) = await self.owner.fetch("SELECT data FROM alert_events")
        return dict(json.loads(row["data"]))

    async def calls(self, count: int, **report: Any) -> None:
        """Settles calls that were placed just now."""
        holds = [make_hold(counters=(), placed_epoch_us=int(time.time() * 1e6)) for _ in range(count)]
        await settle_batch(self.owner, [make_settlement(hold, **report) for hold in holds])

    async def charged(self, counter: str, count: int) -> None:
        """Settles calls that were placed just now, and count toward a budget."""
        now_us = int(time.time() * 1e6)
        holds = [make_hold(counters=(Counter.decode(counter),), placed_epoch_us=now_us) for _ in range(count)]
        await settle_batch(self.owner, [make_settlement(hold) for hold in holds])

    async def older_calls(self, count: int, days: int, pool: asyncpg.Pool) -> None:
        """Settles calls that were placed some days ago, and adds them up."""
        placed = (dt.datetime.now(dt.UTC) - dt.timedelta(days=days)).timestamp()
        holds = [make_hold(counters=(), placed_epoch_us=int(placed * 1e6)) for _ in range(count)]
        await settle_batch(self.owner, [make_settlement(hold) for hold in holds])
        await catch_up(pool)

    async def key(self, key: str, **values: Any) -> None:
        """Adds a key of Mia."""
        columns = "".join(f", {name}" for name in values)
        places = "".join(f", ${number + 2}" for number in range(len(values)))
        await self.owner.execute(
            "INSERT INTO api_keys (organization_id, member_id, display_name, secret_hash, obfuscated_key, api_key_id"  # noqa: S608
            f"{columns}) VALUES ('acme', 'mia', 'Key', sha256($1::text::bytea), 'mr-…', $1{places})", key, *values.values(),
        )  # fmt: skip

    async def logged(self, name: str, before: object, after: object) -> None:
        """Adds an entry to the audit log, made by Sue."""
        await self.owner.execute(
            "INSERT INTO audit_log (organization_id, user_id, member_id, role, method, resource_name, before, after)"
            " VALUES ('acme', 'u-sue', 'sue', 'SUPER_ADMIN', 'a.B/C', 'organizations/acme/' || $1, $2, $3)",
            name, before and json.dumps(before), after and json.dumps(after),
        )  # fmt: skip


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=4) as made:
        yield made


@pytest.fixture
async def company(owner: asyncpg.Connection, pool: asyncpg.Pool) -> AsyncIterator[Company]:
    """Mia is a member of Research, which Ada administers, and Sue administers everything. No rule tells anything yet."""
    await prepare(owner)
    await owner.execute(
        "INSERT INTO users VALUES ('u-mia', NULL, 'Mia'), ('u-ada', NULL, 'Ada'), ('u-sue', NULL, 'Sue')"
    )
    await owner.execute(
        "INSERT INTO groups (organization_id, group_id, path, display_name)"
        " VALUES ('acme', 'research', '{research}', 'Research')"
    )
    await owner.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES"
        " ('acme', 'mia', 'u-mia', 'research', 'MEMBER'), ('acme', 'ada', 'u-ada', 'research', 'L1_ADMIN'),"
        " ('acme', 'sue', 'u-sue', NULL, 'SUPER_ADMIN')"
    )
    await owner.execute("DELETE FROM notification_rules")
    made = Company(owner, pool)
    await made.step()
    yield made
    # Whatever a test made happen, receivers get it in the form of the schemas.
    for event_type, data in await owner.fetch("SELECT event_type, data FROM alert_events"):
        check_event(event_type, json.loads(data))


async def catch_up(pool: asyncpg.Pool) -> None:
    """Adds up all calls, with whole days until an hour ahead."""
    rollups = RollupFollower(pool, lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=3))
    while await rollups.follow_once():
        pass


Guard = Callable[..., Awaitable[None]]


@pytest.fixture
def guard(owner: asyncpg.Connection) -> Guard:
    """Sets limits of a scope."""

    async def put(kind: str, scope_id: str, **limits: Any) -> None:
        columns, values = ", ".join(limits), ", ".join(f"${number + 3}" for number in range(len(limits)))
        changes = ", ".join(f"{name} = excluded.{name}" for name in limits)
        await owner.execute(
            f"INSERT INTO guardrails (organization_id, scope_kind, scope_id, {columns}) VALUES ('acme', $1, $2, {values})"  # noqa: S608
            f" ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE SET {changes}", kind, scope_id, *limits.values(),
        )  # fmt: skip

    return put
