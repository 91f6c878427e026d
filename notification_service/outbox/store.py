"""The deliveries in PostgreSQL: takes the next one of a channel under a lease, and records what came of an attempt."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from gateway_core.stores.postgres.connections import Connection
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
    time: dt.datetime
    """When it began, by PostgreSQL's clock: that of a process may be wrong."""
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


@dataclass(frozen=True, slots=True)
class Sent:
    """A lease, an attempt of it, and what follows."""

    lease: Lease
    attempt: Attempt
    following: Following

    @property
    def deliveries(self) -> Sequence[Leased]:
        """Those that the message contained."""
        return self.lease.deliveries[: len(self.following.nexts)]

    @property
    def left(self) -> Sequence[Leased]:
        """Those that it left out. They are free again."""
        return self.lease.deliveries[len(self.following.nexts) :]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a channel needs of the database: to record what was sent, and to lease what is next."""

    key: ChannelKey
    sent: Sent | None
    """None: nothing was sent yet."""
    claim: str
    """A new name for the next lease. Empty: this process sends no more to the channel."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a turn."""

    holds: bool
    """Whether the lease still held. If not, another process has sent the deliveries again, and decides what follows."""
    next: Lease | None
    """The next deliveries of the channel; None if none are due, or none were wanted."""


async def channels_due(pool: asyncpg.Pool, most: int, moment: dt.datetime | None = None) -> Sequence[ChannelKey]:
    """Returns channels whose next delivery is due.

    Args:
        pool: logged in as notification_service's role.
        most: how many at most.
        moment: None for PostgreSQL's present time, which is the same for all processes.
    """
    return [ChannelKey(*row) for row in await pool.fetch(statements.DUE, most, moment)]


async def take_turns(
    pool: asyncpg.Pool, turns: Sequence[Turn], merging: Sequence[str], moment: dt.datetime | None = None
) -> Sequence[Taken]:
    """Takes the turns of different channels in one transaction. Returns what came of each.

    Leases of a channel begin with the first delivery that waits, if it is due and no other process has it. An attempt that a
    process left without a record is recorded as one whose outcome is unknown.

    Args:
        pool: logged in as notification_service's role.
        turns: of different channels.
        merging: the kinds whose messages may contain several alerts. Others get one delivery.
        moment: None for PostgreSQL's present time.
    """
    async with acting_for(pool, *sorted({turn.key.organization for turn in turns})) as connection:
        sent = [turn.sent for turn in turns if turn.sent is not None]
        held = await _record(connection, sent, moment) if sent else set()
        taken = [turn.sent is None or turn.key in held for turn in turns]
        wanted = [turn for turn, holds in zip(turns, taken, strict=True) if holds and turn.claim]
        leases = await _lease_next(connection, wanted, merging, moment) if wanted else {}
    return [Taken(holds, leases.get(turn.key)) for turn, holds in zip(turns, taken, strict=True)]


async def _record(connection: Connection, sent: Sequence[Sent], moment: dt.datetime | None) -> set[ChannelKey]:
    """Records attempts and what follows from them. Returns the channels whose lease still held."""
    left = [
        (one.lease.key.organization, delivery.delivery_id, one.lease.claim) for one in sent for delivery in one.left
    ]
    if left:
        await connection.execute(statements.RELEASE, *_columns(left))
    await connection.execute(statements.ATTEMPT, *_columns([row for one in sent for row in _attempt_rows(one)]))
    nexts = [
        (
            one.lease.key.organization,
            delivery.delivery_id,
            one.lease.claim,
            then.state,
            then.pause_s,
            one.following.goes_alone,
        )
        for one in sent
        for delivery, then in zip(one.deliveries, one.following.nexts, strict=True)
    ]
    rows = await connection.fetch(
        statements.FINISH, *_columns(nexts), moment, *_columns([_channel_row(one) for one in sent])
    )
    return {ChannelKey(*row) for row in rows}


def _attempt_rows(sent: Sent) -> Iterator[tuple[object, ...]]:
    """Yields the attempt of each delivery. Only the first one of a message has its texts."""
    one, organization = sent.attempt, sent.lease.key.organization
    message_id = sent.lease.claim if len(sent.deliveries) > 1 else ""
    for place, delivery in enumerate(sent.deliveries):
        request, answer = (one.request, one.answer) if place == 0 else ("", "")
        yield (
            organization, delivery.delivery_id, delivery.attempt_number, one.start_time, one.duration_ms, one.address, request,
            one.http_status, answer, one.outcome, one.error, message_id,
        )  # fmt: skip


def _channel_row(sent: Sent) -> tuple[object, ...]:
    one, key = sent.following, sent.lease.key
    return (
        key.organization, key.channel, one.has_failed, sent.attempt.start_time, one.channel_pause_s, one.disable_reason,
        one.token_interval_s, one.token_interval_s * (one.burst - 1),
    )  # fmt: skip


def _columns(rows: Sequence[tuple[object, ...]]) -> Sequence[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def _lease_next(
    connection: Connection, turns: Sequence[Turn], merging: Sequence[str], moment: dt.datetime | None
) -> Mapping[ChannelKey, Lease]:
    claims = {turn.key: turn.claim for turn in turns}
    wanted = [(turn.key.organization, turn.key.channel, turn.claim) for turn in turns]
    found = await connection.fetch(
        statements.LEASE, *_columns(wanted), LEASE_S, MOST_CANDIDATES, list(merging), moment, statements.LOST
    )
    rows: defaultdict[ChannelKey, list[asyncpg.Record]] = defaultdict(list)
    for row in found:
        rows[ChannelKey(row["organization_id"], row["channel_id"])].append(row)
    # Of these, another process has leased the first delivery: the order would be lost.
    overtaken = [
        (key.organization, row["delivery_id"], claims[key])
        for key, own in rows.items()
        if own[0]["place"] != 1
        for row in own
    ]
    if overtaken:
        await connection.execute(statements.RELEASE, *_columns(overtaken))
    return {key: _lease(key, claims[key], own) for key, own in rows.items() if own[0]["place"] == 1}


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
        time=head["lease_time"],
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
