"""Refused calls of Envoy's log reach the table once, for the right caller, and old ones leave it."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest
from envoy.data.accesslog.v3 import accesslog_pb2

from deploy.local.stack.database_urls import login_url
from gateway_core.contract.access_log_line import REFUSAL_TAG
from gateway_core.contract.metadata import RefusedCall, encode_refusal
from gateway_core.model.calls.holds import sign_hold, verify_hold
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.organization.scopes import Scope, ScopeKind
from tests.contract.usage_service.settlement_cases import ROLE, SIGNING_KEY, make_hold, prepare
from usage_service.refusals.counts import Refused
from usage_service.refusals.recorder import RefusalRecorder
from usage_service.refusals.store import RefusalStore

NOW = dt.datetime(2026, 11, 30, 12, 30, 17, tzinfo=dt.UTC)
DECIDED = encode_refusal(
    Refusal(RefusalReason.BUDGET_EXHAUSTED, "", scope=Scope(ScopeKind.GROUP, "eng")), "acme", "mia", "key-1", ("eng",)
)
LIMITED = encode_refusal(Refusal(RefusalReason.RATE_LIMITED, "", scope=Scope(ScopeKind.API_KEY, "key-2")))


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=2) as made:
        yield made


def recorder(pool: asyncpg.Pool) -> RefusalRecorder:
    return RefusalRecorder(pool, lambda token: verify_hold(token, SIGNING_KEY), lambda: NOW)


def entries(*lines: tuple[str, str, str]) -> Sequence[accesslog_pb2.HTTPAccessLogEntry]:
    made = []
    for line in lines:
        entry = accesslog_pb2.HTTPAccessLogEntry()
        entry.common_properties.custom_tags[REFUSAL_TAG] = "\t".join(line)
        made.append(entry)
    return made


async def stored(owner: asyncpg.Connection) -> list[tuple[object, ...]]:
    rows = await owner.fetch(
        "SELECT organization_id, minute, reason, scope_kind, scope_id, member_id, api_key_id, group_path, call_count"
        " FROM refused_calls ORDER BY reason, minute"
    )
    return [tuple(row) for row in rows]


async def test_refusals_are_stored_for_their_caller(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    await prepare(owner)
    token = sign_hold(make_hold(member="mia", api_key="key-2", group_path=("eng", "ai")), SIGNING_KEY)
    forged = sign_hold(make_hold(member="eve"), b"x" * 32)
    records = recorder(pool)
    for _ in range(2):
        await records.take(
            entries(
                (DECIDED, "", ""), (DECIDED, "", ""), ("", LIMITED, token), ("", LIMITED, forged), ("", "-", ""),
                ("missing_api_key", "", ""), ("nonsense", "", ""), (DECIDED.replace("acme", "unknown"), "", ""),
            )
        )  # fmt: skip
        await records.store_once()
    minute = NOW.replace(second=0)
    assert await stored(owner) == [
        ("acme", minute, "budget_exhausted", "group", "eng", "mia", "key-1", ["eng"], 4),
        ("acme", minute, "rate_limited", "api_key", "key-2", "mia", "key-2", ["eng", "ai"], 2),
    ]
    assert records.counts.by_reason == {"budget_exhausted": 6, "rate_limited": 4, "missing_api_key": 2}
    await records.store_once()
    assert len(await stored(owner)) == 2


async def test_without_the_database_they_wait(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    await prepare(owner)
    records = recorder(pool)
    await records.take(entries((DECIDED, "", "")))
    await owner.execute("ALTER TABLE refused_calls RENAME TO elsewhere")
    await records.store_once()
    await owner.execute("ALTER TABLE elsewhere RENAME TO refused_calls")
    await records.take(entries((DECIDED, "", "")))
    await records.store_once()
    assert [row[-1] for row in await stored(owner)] == [2]


async def test_old_rows_and_those_beyond_the_bound_are_deleted(owner: asyncpg.Connection, pool: asyncpg.Pool) -> None:
    await prepare(owner, "acme", "other")
    store = RefusalStore(pool)
    for organization in ("acme", "other"):
        call = RefusedCall("rate_limited", None, organization, "mia", "key-1")
        await store.add({Refused(NOW + dt.timedelta(minutes=number), call): 1 for number in range(10)})
    assert await store.delete_outdated(NOW + dt.timedelta(minutes=2), 1_000, 3) == 3
    assert await store.delete_outdated(NOW + dt.timedelta(minutes=2), 1_000, 3) == 1
    # Those of one minute stay or go together.
    assert await store.delete_outdated(NOW, 6, 1_000) == 8
    assert len(await stored(owner)) == 8
    assert await store.delete_outdated(NOW, 6, 1_000) == 0
