"""Writes the people of the demo company: groups, users, members, keys, budgets, and the names they had over time."""

import datetime as dt
import json
import secrets
from collections.abc import Iterable, Iterator
from typing import Final

import asyncpg

from admin_service.demo.content import ORGANIZATION
from deploy.local.demo_data.calls import Budget
from deploy.local.demo_data.company import (
    GUARDRAILS,
    MORE_GROUPS,
    PATH_OF,
    SOFT_BUDGET_PERCENT,
    Caller,
    Company,
    user_id,
)
from deploy.local.demo_data.traffic import Span
from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.organization.scopes import Scope, ScopeKind

_HASH_BYTES: Final = 32
_SEEDED_TABLES: Final = ("groups", "members", "api_keys")


async def write_company(connection: asyncpg.Connection, company: Company, span: Span) -> None:
    """Writes the company as if it had always been there. The connection is one of the owner, in a transaction.

    No secret of the keys exists: their hashes are random, so no one can call with them.
    """
    beginning = _moment(span, span.first)
    await connection.execute(
        "UPDATE organizations SET create_time = $2 WHERE organization_id = $1", ORGANIZATION, beginning
    )
    await connection.executemany(
        "INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name) VALUES ($1, $2, $3, $4, $5)",
        [(ORGANIZATION, group.group_id, group.parent, list(group.path), group.display_name) for group in MORE_GROUPS],
    )
    for table in _SEEDED_TABLES:
        await connection.execute(
            f"UPDATE {table} SET create_time = $2 WHERE organization_id = $1",  # noqa: S608 - our own names
            ORGANIZATION,
            beginning,
        )
    new = [caller for caller in company.callers if not caller.is_seeded]
    await _members(connection, new, span)
    await _keys(connection, new, span)
    await _guardrails(connection)
    await _leave(connection, new)
    await _names(connection, new, span)


async def read_budgets(connection: asyncpg.Connection) -> dict[Scope, Budget]:
    """Returns the budgets of every scope that has a guardrail."""
    rows = await connection.fetch(
        "SELECT scope_kind, scope_id, cycle, cycle_revision, budget_nano_credits FROM guardrails WHERE organization_id = $1",
        ORGANIZATION,
    )
    return {Scope(ScopeKind(kind), name): Budget(Cycle(cycle), *rest) for kind, name, cycle, *rest in rows}


def _moment(span: Span, day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), span.zone)


async def _members(connection: asyncpg.Connection, callers: Iterable[Caller], span: Span) -> None:
    people = [caller for caller in callers if not caller.is_service_account]
    await connection.executemany(
        "INSERT INTO users (user_id, email, display_name, create_time) VALUES ($1, $2, $3, $4)",
        [
            (
                user_id(one.member_id),
                f"{one.member_id}@{ORGANIZATION}.example",
                one.display_name,
                _moment(span, one.joined),
            )
            for one in people
        ],
    )
    await connection.executemany(
        "INSERT INTO members (organization_id, member_id, user_id, display_name, group_id, role, create_time)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (
                ORGANIZATION,
                one.member_id,
                None if one.is_service_account else user_id(one.member_id),
                one.display_name if one.is_service_account else None,
                one.places[-1][1],
                one.role,
                _moment(span, one.joined),
            )
            for one in callers
        ],
    )


async def _keys(connection: asyncpg.Connection, callers: Iterable[Caller], span: Span) -> None:
    await connection.executemany(
        "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key, state,"
        " disabled_by_member, disabled_time, create_time) VALUES ($1, $2, $3, $2, $4, 'demo data', $5, $6, $7, $8)",
        [
            (
                ORGANIZATION,
                key.key_id,
                one.member_id,
                secrets.token_bytes(_HASH_BYTES),
                "DISABLED" if key.is_disabled else "ACTIVE",
                one.member_id if key.is_disabled else None,
                _moment(span, key.last + dt.timedelta(days=1)) if key.is_disabled and key.last else None,
                _moment(span, key.first),
            )
            for one in callers
            for key in one.keys
        ],
    )


async def _guardrails(connection: asyncpg.Connection) -> None:
    await connection.executemany(
        "INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle, soft_budget)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        [
            (
                *(ORGANIZATION, rail.scope.kind, rail.scope.scope_id, rail.budget_nano_credits, rail.cycle),
                json.dumps({"percent": SOFT_BUDGET_PERCENT}),
            )
            for rail in GUARDRAILS
        ],
    )


async def _leave(connection: asyncpg.Connection, callers: Iterable[Caller]) -> None:
    left = [one.member_id for one in callers if one.left is not None]
    for statement in (
        "UPDATE api_keys SET state = 'DELETED' WHERE organization_id = $1 AND member_id = ANY ($2)",
        "UPDATE members SET state = 'REMOVED' WHERE organization_id = $1 AND member_id = ANY ($2)",
    ):
        await connection.execute(statement, ORGANIZATION, left)


async def _names(connection: asyncpg.Connection, callers: Iterable[Caller], span: Span) -> None:
    """Writes since when everything had its name and its place. The triggers of the tables know only the present."""
    await connection.execute(
        "UPDATE usage_names SET valid_from = $2 WHERE organization_id = $1 AND valid_to IS NULL",
        ORGANIZATION,
        _moment(span, span.first),
    )
    rows = [row for one in callers for row in _names_of(one, span)]
    await connection.execute(
        "DELETE FROM usage_names WHERE organization_id = $1 AND (kind, id) IN (SELECT * FROM unnest($2::text[], $3::text[]))",
        ORGANIZATION,
        [row[1] for row in rows],
        [row[2] for row in rows],
    )
    await connection.executemany(
        "INSERT INTO usage_names (organization_id, kind, id, valid_from, valid_to, display_name, group_path, is_deleted)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        rows,
    )


NameRow = tuple[str, str, str, dt.datetime, dt.datetime | None, str, list[str], bool]


def _names_of(caller: Caller, span: Span) -> Iterator[NameRow]:
    places = [(since, list(PATH_OF[group]) if group else [], False) for since, group in caller.places]
    if caller.left is not None:
        places = [place for place in places if place[0] < caller.left]
        places.append((caller.left, places[-1][1], True))
    ends = [*(since for since, _, _ in places[1:]), None]
    named = [
        ("member", caller.member_id, caller.display_name),
        *(("api_key", key.key_id, key.key_id) for key in caller.keys),
    ]
    for kind, name, display_name in named:
        for (since, path, is_deleted), until in zip(places, ends, strict=True):
            yield (
                *(ORGANIZATION, kind, name, _moment(span, since), None if until is None else _moment(span, until)),
                *(display_name, path, is_deleted),
            )
