"""The deliveries in PostgreSQL: takes the next one of a channel under a lease, and records what came of an attempt."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from gateway_core.stores.postgres.organization_wall import acting_for
from notification_service.channels.messages import Alert
from notification_service.outbox import statements

LEASE_S: Final = 60.0
"""Longer than an attempt with its records. If the process dies meanwhile, another sends it again after that."""
MAX_TEXT_BYTES: Final = 4_096
"""Of a recorded request or answer."""

MOST_CANDIDATES: Final = 100
"""Alerts that are leased together at most, for one message."""


@dataclass(frozen=True, slots=True)
class ChannelKey:
    """Which channel."""

    organization: str
    channel: str


@dataclass(frozen=True, slots=True)
class Leased:
    """One delivery of a lease."""

    delivery_id: str
    attempt_number: int
    """From 1, over all replays."""
    schedule_attempt: int
    """From 1, since the event or the last replay."""
    schedule_start_time: dt.datetime
    alert: Alert = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lease:
    """The next deliveries of a channel, which this process may send until the lease ends. There is at least one."""

    key: ChannelKey
    claim: str
    kind: str
    is_mailed: bool
    """Whether it goes to the address of a member."""
    address: str = field(repr=False)
    """Of that member; empty if there is none any more."""
    sealed_target: bytes | None = field(repr=False)
    sealed_secrets: tuple[bytes, ...] = field(repr=False)
    """The current one first."""
    failing_since: dt.datetime | None
    deliveries: tuple[Leased, ...]
    """In their order."""


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
class Next:
    """What becomes of a delivery."""

    state: str
    """PENDING if it is tried again."""
    pause_s: float | None
    """Until it is tried again; None if it is over."""


@dataclass(frozen=True, slots=True)
class Following:
    """What follows from an attempt for the deliveries and the channel."""

    nexts: tuple[Next, ...]
    """Of the deliveries that the message contained: the first ones of the lease."""
    has_failed: bool
    channel_pause_s: float
    """How long the channel gets no message at all, from the start of the attempt on."""
    disable_reason: str = ""
    """Empty: the channel stays enabled."""
    goes_alone: bool = False
    """Whether each of them goes alone next time."""
    token_interval_s: float = 0.0
    """How long a token takes to come into the channel's bucket."""
    burst: int = 1
    """How many tokens the bucket holds."""


class _OvertakenError(Exception):
    """Another process has leased the first of the deliveries."""


async def channels_due(pool: asyncpg.Pool, most: int, moment: dt.datetime | None = None) -> Sequence[ChannelKey]:
    """Returns channels whose next delivery is due.

    Args:
        pool: logged in as notification_service's role.
        most: how many at most.
        moment: None for PostgreSQL's present time, which is the same for all processes.
    """
    return [ChannelKey(*row) for row in await pool.fetch(statements.DUE, most, moment)]


async def lease_next(
    pool: asyncpg.Pool, key: ChannelKey, claim: str, merging: Sequence[str], moment: dt.datetime | None = None
) -> Lease | None:
    """Leases the next deliveries of a channel, if the first is due and no other process has it.

    An attempt that a process left without a record is recorded as one whose outcome is unknown.

    Args:
        pool: logged in as notification_service's role.
        key: of the channel.
        claim: a new name for this lease.
        merging: the kinds whose messages may contain several alerts. Others get one delivery.
        moment: None for PostgreSQL's present time.
    """
    try:
        async with acting_for(pool, key.organization) as connection:
            rows = await connection.fetch(
                statements.LEASE,
                key.organization,
                key.channel,
                claim,
                LEASE_S,
                MOST_CANDIDATES,
                list(merging),
                moment,
                statements.LOST,
            )
            if rows and rows[0]["place"] != 1:
                raise _OvertakenError  # noqa: TRY301 - undoes the lease: the order would be lost
    except _OvertakenError:
        return None
    return _lease(key, claim, rows) if rows else None


def _lease(key: ChannelKey, claim: str, rows: Sequence[asyncpg.Record]) -> Lease:
    head = rows[0]
    return Lease(
        key=key,
        claim=claim,
        kind=head["kind"],
        is_mailed=head["is_mailed"],
        address=head["address"] or "",
        sealed_target=head["sealed_target"],
        sealed_secrets=tuple(
            sealed for name in ("sealed_secret", "sealed_former_secret") if (sealed := head[name]) is not None
        ),
        failing_since=head["failing_since"],
        deliveries=tuple(_leased(key, row) for row in rows),
    )


def _leased(key: ChannelKey, row: asyncpg.Record) -> Leased:
    subject = (key.organization, *(row[name] for name in ("rule_id", "scope_kind", "scope_id", "occasion")))
    alert = Alert(
        event_id=row["event_id"],
        event_type=row["event_type"],
        severity=row["severity"],
        time=row["occur_time"],
        data=json.loads(row["data"]),
        organization=row["display_name"],
        subject_key="\n".join(subject),
    )
    return Leased(row["delivery_id"], row["attempt_count"], row["schedule_attempt"], row["schedule_start_time"], alert)


async def cancel_of_deleted(pool: asyncpg.Pool, key: ChannelKey) -> None:
    """Cancels the deliveries of a channel that was deleted."""
    async with acting_for(pool, key.organization) as connection:
        await connection.execute(statements.CANCEL, key.organization, key.channel)


async def record(
    pool: asyncpg.Pool, lease: Lease, attempt: Attempt, following: Following, moment: dt.datetime | None = None
) -> bool:
    """Records an attempt and what follows from it. Deliveries of the lease that the message did not contain are free again.

    Returns:
        Whether the lease still held. If not, another process has sent the deliveries again, and decides what follows.
    """
    organization, channel = lease.key.organization, lease.key.channel
    sent = lease.deliveries[: len(following.nexts)]
    left = [one.delivery_id for one in lease.deliveries[len(sent) :]]
    ids = [one.delivery_id for one in sent]
    async with acting_for(pool, organization) as connection:
        await connection.execute(
            statements.ATTEMPT, organization, ids, [one.attempt_number for one in sent], attempt.start_time, attempt.duration_ms,
            attempt.address, attempt.request, attempt.http_status, attempt.answer, attempt.outcome, attempt.error,
            lease.claim if len(sent) > 1 else "",
        )  # fmt: skip
        if left:
            await connection.execute(statements.RELEASE, organization, left, lease.claim)
        holds = await connection.fetch(
            statements.FINISH, organization, ids, lease.claim, [one.state for one in following.nexts],
            [one.pause_s for one in following.nexts], following.goes_alone, moment,
        )  # fmt: skip
        if holds:
            await connection.execute(
                statements.CHANNEL, organization, channel, following.has_failed, attempt.start_time, following.channel_pause_s,
                following.disable_reason, following.token_interval_s,
                following.token_interval_s * (following.burst - 1),
            )  # fmt: skip
    return bool(holds)
