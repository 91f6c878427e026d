"""The rows of top-up requests."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.model.ledger.transfers import Transfer
from gateway_core.stores.postgres.connections import Connection

COLUMNS: Final = """
r.organization_id, r.top_up_request_id, r.user_id, r.amount_nano_credits, r.reason, r.state, r.create_time, r.decide_time,
r.decider_user_id, r.decision_reason,
coalesce((SELECT coalesce(nullif(u.display_name, ''), u.email) FROM users u WHERE u.user_id = r.user_id), '')
"""
_GET: Final = f"SELECT {COLUMNS} FROM top_up_requests r WHERE r.organization_id = $1 AND r.top_up_request_id = $2"  # noqa: S608
_FIND: Final = f"SELECT {COLUMNS} FROM top_up_requests r WHERE r.organization_id = $1 AND r.idempotency_key = $2"  # noqa: S608
_COUNT_PENDING: Final = "SELECT count(*) FROM top_up_requests WHERE organization_id = $1 AND state = 'PENDING'"
_ADD: Final = f"""
INSERT INTO top_up_requests AS r (organization_id, top_up_request_id, user_id, idempotency_key, amount_nano_credits, reason)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING {COLUMNS}
"""  # noqa: S608
_DECIDE: Final = f"""
UPDATE top_up_requests r SET state = $3, decide_time = now(), decider_user_id = $4, decision_reason = $5
 WHERE r.organization_id = $1 AND r.top_up_request_id = $2 RETURNING {COLUMNS}
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class TopUpRequestRow:
    """A stored request."""

    organization: str
    top_up_request: str
    user: str
    amount_nano_credits: int
    reason: str
    state: str
    create_time: dt.datetime
    decide_time: dt.datetime | None
    decider: str | None
    decision_reason: str
    user_display_name: str


async def get_request(connection: Connection, organization: str, top_up_request: str) -> TopUpRequestRow | None:
    """Returns the request, or None. The transaction must act for its organization."""
    row = await connection.fetchrow(_GET, organization, top_up_request)
    return TopUpRequestRow(*row) if row else None


async def find_request(connection: Connection, organization: str, transfer: Transfer) -> TopUpRequestRow | None:
    """Returns the request that was made instead of the transfer, or None."""
    row = await connection.fetchrow(_FIND, organization, transfer.idempotency_key)
    return TopUpRequestRow(*row) if row else None


async def count_pending(connection: Connection, organization: str) -> int:
    """Returns how many requests no operator decided."""
    count: int = await connection.fetchval(_COUNT_PENDING, organization)
    return count


async def add_request(
    connection: Connection, organization: str, top_up_request: str, user: str, transfer: Transfer
) -> TopUpRequestRow:
    """Stores a request for the transfer."""
    row = await connection.fetchrow(
        _ADD,
        organization,
        top_up_request,
        user,
        transfer.idempotency_key,
        transfer.amount_nano_credits,
        transfer.reason,
    )
    return _existing(row)


async def decide(
    connection: Connection, request: TopUpRequestRow, *, state: str, decider: str, reason: str
) -> TopUpRequestRow:
    """Decides a pending request. A trigger refuses to decide it again."""
    row = await connection.fetchrow(_DECIDE, request.organization, request.top_up_request, state, decider, reason)
    return _existing(row)


def _existing(found: asyncpg.Record | None) -> TopUpRequestRow:
    if found is None:
        raise LookupError("no such top-up request")
    return TopUpRequestRow(*found)
