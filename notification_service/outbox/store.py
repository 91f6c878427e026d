"""The deliveries in PostgreSQL: takes the next one of a channel under a lease, and records what came of an attempt."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from gateway_core.stores.postgres.organization_wall import acting_for

LEASE_S: Final = 60.0
"""Longer than an attempt with its records. If the process dies meanwhile, another sends it again after that."""
MAX_TEXT_BYTES: Final = 4_096
"""Of a recorded request or answer."""

_DUE: Final = "SELECT organization_id, channel_id FROM channels_with_deliveries_due($1)"
# The channel's row is locked so that of several processes one looks for its next delivery. The conditions are on the updated row,
# because PostgreSQL checks them again if another process changed it meanwhile.
_LEASE: Final = """
WITH channel AS MATERIALIZED (
    SELECT * FROM notification_channels
     WHERE organization_id = $1 AND channel_id = $2 AND state = 'ENABLED' AND next_attempt_time <= now()
       FOR NO KEY UPDATE SKIP LOCKED
), head AS MATERIALIZED (
    SELECT n.organization_id, n.delivery_id FROM notification_deliveries n
     WHERE n.organization_id = $1 AND n.channel_id = $2 AND n.state = 'PENDING'
     ORDER BY n.create_time, n.delivery_id LIMIT 1
), leased AS (
    UPDATE notification_deliveries d
       SET claim = $3, lease_end_time = now() + make_interval(secs => $4), attempt_count = d.attempt_count + 1
      FROM channel, head
     WHERE d.organization_id = $1 AND d.delivery_id = head.delivery_id
       AND d.state = 'PENDING' AND d.next_attempt_time <= now() AND coalesce(d.lease_end_time, '-infinity') <= now()
    RETURNING d.delivery_id, d.attempt_count, d.event_id, d.create_time
)
SELECT l.delivery_id, l.attempt_count, l.create_time, c.kind, c.sealed_target, c.sealed_secret,
       CASE WHEN c.former_secret_end_time > now() THEN c.sealed_former_secret END AS sealed_former_secret, c.failing_since,
       e.event_id, e.event_type, e.severity, e.rule_id, e.scope_kind, e.scope_id, e.occasion, e.data, e.occur_time, o.display_name
  FROM leased l CROSS JOIN channel c
  JOIN alert_events e ON e.organization_id = $1 AND e.event_id = l.event_id
  JOIN organizations o ON o.organization_id = $1
"""
_CANCEL: Final = """
UPDATE notification_deliveries SET state = 'CANCELED', next_attempt_time = NULL, end_time = now()
 WHERE organization_id = $1 AND channel_id = $2 AND state = 'PENDING'
   AND NOT EXISTS (SELECT FROM notification_channels WHERE organization_id = $1 AND channel_id = $2)
"""
_ATTEMPT: Final = """
INSERT INTO delivery_attempts (organization_id, delivery_id, attempt_number, start_time, duration_ms, address, request, http_status,
                               answer, outcome, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING
"""
_FINISH: Final = """
UPDATE notification_deliveries
   SET state = $4, next_attempt_time = now() + make_interval(secs => $5), lease_end_time = NULL, claim = '',
       end_time = CASE WHEN $4 <> 'PENDING' THEN now() END
 WHERE organization_id = $1 AND delivery_id = $2 AND claim = $3 AND state = 'PENDING'
RETURNING true
"""
_CHANNEL: Final = """
UPDATE notification_channels
   SET failing_since = CASE WHEN $3 THEN coalesce(failing_since, $4) END,
       next_attempt_time = greatest(next_attempt_time, $4::timestamptz + make_interval(secs => $5)),
       state = CASE WHEN $6 = '' THEN state ELSE 'DISABLED' END,
       disable_reason = CASE WHEN $6 = '' THEN disable_reason ELSE $6 END,
       disable_time = CASE WHEN $6 = '' THEN disable_time ELSE now() END
 WHERE organization_id = $1 AND channel_id = $2
"""


@dataclass(frozen=True, slots=True)
class ChannelKey:
    """Which channel."""

    organization: str
    channel: str


@dataclass(frozen=True, slots=True)
class Lease:
    """A delivery that this process may send until the lease ends."""

    key: ChannelKey
    delivery_id: str
    claim: str
    attempt_number: int
    create_time: dt.datetime
    kind: str
    sealed_target: bytes = field(repr=False)
    sealed_secrets: tuple[bytes, ...] = field(repr=False)
    """The current one first."""
    failing_since: dt.datetime | None
    event_id: str
    event_type: str
    severity: str
    subject_key: str
    data: Mapping[str, Any] = field(repr=False)
    occur_time: dt.datetime
    organization_name: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is recorded about one attempt. Contains no secrets."""

    start_time: dt.datetime
    duration_ms: int
    address: str
    request: str
    http_status: int | None
    answer: str
    outcome: str
    error: str


@dataclass(frozen=True, slots=True)
class Following:
    """What follows from an attempt for the delivery and the channel."""

    state: str
    """Of the delivery: PENDING if it is tried again."""
    pause_s: float | None
    """Until it is tried again; None if it is over."""
    has_failed: bool
    channel_pause_s: float
    """How long the channel gets no message at all, from the start of the attempt on."""
    disable_reason: str
    """Empty: the channel stays enabled."""


async def channels_due(pool: asyncpg.Pool, most: int) -> Sequence[ChannelKey]:
    """Returns channels whose next delivery is due."""
    return [ChannelKey(*row) for row in await pool.fetch(_DUE, most)]


async def lease_next(pool: asyncpg.Pool, key: ChannelKey, claim: str) -> Lease | None:
    """Leases the next delivery of a channel, if it is due and no other process has it.

    Args:
        pool: logged in as notification_service's role.
        key: of the channel.
        claim: a new name for this lease.
    """
    async with acting_for(pool, key.organization) as connection:
        row = await connection.fetchrow(_LEASE, key.organization, key.channel, claim, LEASE_S)
    return None if row is None else _lease(key, claim, row)


def _lease(key: ChannelKey, claim: str, row: asyncpg.Record) -> Lease:
    return Lease(
        key=key,
        delivery_id=row["delivery_id"],
        claim=claim,
        attempt_number=row["attempt_count"],
        create_time=row["create_time"],
        kind=row["kind"],
        sealed_target=row["sealed_target"],
        sealed_secrets=tuple(
            sealed for name in ("sealed_secret", "sealed_former_secret") if (sealed := row[name]) is not None
        ),
        failing_since=row["failing_since"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        severity=row["severity"],
        subject_key="\n".join(
            (key.organization, *(row[name] for name in ("rule_id", "scope_kind", "scope_id", "occasion")))
        ),
        data=json.loads(row["data"]),
        occur_time=row["occur_time"],
        organization_name=row["display_name"],
    )


async def cancel_of_deleted(pool: asyncpg.Pool, key: ChannelKey) -> None:
    """Cancels the deliveries of a channel that was deleted."""
    async with acting_for(pool, key.organization) as connection:
        await connection.execute(_CANCEL, key.organization, key.channel)


async def record(pool: asyncpg.Pool, lease: Lease, attempt: Attempt, following: Following) -> bool:
    """Records an attempt and what follows from it.

    Returns:
        Whether the lease still held. If not, another process has sent the delivery again, and decides what follows.
    """
    organization, channel = lease.key.organization, lease.key.channel
    async with acting_for(pool, organization) as connection:
        await connection.execute(
            _ATTEMPT, organization, lease.delivery_id, lease.attempt_number, attempt.start_time, attempt.duration_ms,
            attempt.address, attempt.request, attempt.http_status, attempt.answer, attempt.outcome, attempt.error,
        )  # fmt: skip
        holds = await connection.fetchval(
            _FINISH, organization, lease.delivery_id, lease.claim, following.state, following.pause_s
        )
        if holds:
            await connection.execute(
                _CHANNEL, organization, channel, following.has_failed, attempt.start_time, following.channel_pause_s,
                following.disable_reason,
            )  # fmt: skip
    return bool(holds)
