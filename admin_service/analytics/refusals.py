"""Adds up refused calls: statistics beside the ledger."""

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.analytics.kept_conditions import kept_conditions
from admin_service.analytics.query import Filter, Reach
from admin_service.listing.sql_parameters import Parameters
from gateway_core.stores.postgres.connections import Connection


class RefusalDimension(enum.StrEnum):
    """What refused calls are grouped by. Values are ids; "" stands for calls without one."""

    REASON = "reason"
    GUARDRAIL = "guardrail"
    """The scope whose guardrail refused, as `Scope.encode` writes it."""
    MEMBER = "member"
    API_KEY = "api_key"


_COLUMNS: Final = {
    RefusalDimension.REASON: "r.reason",
    RefusalDimension.GUARDRAIL: "CASE WHEN r.scope_kind <> '' THEN r.scope_kind || ':' || r.scope_id ELSE '' END",
    RefusalDimension.MEMBER: "r.member_id",
    RefusalDimension.API_KEY: "r.api_key_id",
}


_FILTERS: Final = {"members": "r.member_id", "api_keys": "r.api_key_id"}


@dataclass(frozen=True, slots=True)
class RefusalQuery:
    """A question about refused calls of one organization."""

    organization: str
    start: dt.datetime
    """First instant of the range. Refused calls are counted by minute: a minute is in the range if its start is."""
    end: dt.datetime
    group_by: tuple[RefusalDimension, ...]
    filter: Filter
    """Groups, members and keys of it count."""
    reasons: frozenset[str]
    reach: Reach
    limit: int


@dataclass(frozen=True, slots=True)
class RefusalGroup:
    """Refused calls with the same values."""

    values: tuple[str, ...]
    call_count: int


@dataclass(frozen=True, slots=True)
class RefusalAnswer:
    """The answer to a `RefusalQuery`."""

    groups: Sequence[RefusalGroup]
    """The largest first, up to the limit."""
    group_count: int
    call_count: int
    """Of all groups."""


async def answer_refusals(connection: Connection, query: RefusalQuery) -> RefusalAnswer:
    """Answers a question in a transaction that acts for the organization."""
    parameters = Parameters()
    names = [f"value_{index}" for index in range(len(query.group_by))]
    values = [f"{_COLUMNS[dimension]} AS {name}" for dimension, name in zip(query.group_by, names, strict=True)]
    listed = "".join(f", {name}" for name in names)
    rows = await connection.fetch(
        f"""
        WITH found AS (SELECT {", ".join((*values, "r.call_count"))} FROM refused_calls r
                        WHERE {" AND ".join(_conditions(query, parameters))}),
        grouped AS (SELECT sum(call_count)::bigint AS calls{listed} FROM found {f"GROUP BY {', '.join(names)}" if names else ""})
        SELECT calls, count(*) OVER () AS group_count, (sum(calls) OVER ())::bigint AS total{listed}
          FROM grouped WHERE calls IS NOT NULL ORDER BY calls DESC{listed} LIMIT {parameters.add(query.limit)}""",  # noqa: S608 - our own names
        *parameters.values,
    )
    groups = [RefusalGroup(tuple(row[name] for name in names), row["calls"]) for row in rows]
    return RefusalAnswer(groups, rows[0]["group_count"] if rows else 0, rows[0]["total"] if rows else 0)


def _conditions(query: RefusalQuery, parameters: Parameters) -> Sequence[str]:
    conditions = [
        f"r.organization_id = {parameters.add(query.organization)}",
        f"r.minute >= {parameters.add(query.start)} AND r.minute < {parameters.add(query.end)}",
        *kept_conditions(_FILTERS, query.filter, query.reach, parameters, path="r.group_path", tags=None),
    ]
    if query.reasons:
        conditions.append(f"r.reason = ANY ({parameters.add(sorted(query.reasons))}::text[])")
    return conditions
