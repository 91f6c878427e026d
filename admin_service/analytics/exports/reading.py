"""Reads the calls of an organization in the order of its ledger, batch by batch, in one snapshot of the database."""

import datetime as dt
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg

from admin_service.analytics.query import Filter, InvalidQueryError, Reach, UsageQuery
from admin_service.analytics.reading import UnknownOrganizationError, require_valid
from admin_service.listing.sql_parameters import Parameters
from gateway_core.model.usage_measures import INPUT_TOKEN_COLUMNS, OUTPUT_TOKEN_COLUMNS
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

BATCH_ROWS: Final = 500
"""Calls that are read and written at once: what an export holds in memory."""
_BATCH_TIMEOUT_S: Final = 300.0
"""For finding the next batch. Where few calls match, that may read a large part of the ledger."""

NO_FILTER: Final = Filter()
EVERYTHING: Final = Reach()

TOKEN_COLUMNS: Final = (*INPUT_TOKEN_COLUMNS, *OUTPUT_TOKEN_COLUMNS)
_OF_RECORD: Final = (
    *("hold_id", "sequence", "place_time", "settle_time", "group_path", "member_id", "api_key_id", "endpoint"),
    *("streamed", "requested_model", "provider_id", "price_version"),
)
_AS_IT_STANDS: Final = (
    *("outcome", "source", "answered_model", "provider_response_id", "service_tier", "speed", "place"),
    *("charge_nano_credits", "uses", "http_status", "duration_ms", "time_to_first_byte_ms", "request_id", "trace_id"),
    *TOKEN_COLUMNS,
)
"""A correction replaces these of its record."""
_FILTERS: Final = {
    "members": "u.member_id",
    "api_keys": "u.api_key_id",
    "models": "u.requested_model",
    "providers": "u.provider_id",
    "endpoints": "u.endpoint",
    "statuses": "coalesce(c.outcome, u.outcome)",
}

_SNAPSHOT: Final = """
SELECT o.display_name, o.time_zone, h.sequence AS head, now() AS time,
       NOT EXISTS (SELECT FROM holds WHERE organization_id = $1 AND state = 'HELD' AND place_time < $2) AS has_no_open_call
  FROM organizations o JOIN ledger_heads h ON h.organization_id = o.organization_id
 WHERE o.organization_id = $1
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which calls to export: those that were placed in `[start, end)`, as the ledger had them at one position."""

    organization: str
    start: dt.datetime
    end: dt.datetime
    filter: Filter = NO_FILTER
    """Groups are those of the moment of the call."""
    reach: Reach = EVERYTHING
    position: int | None = None
    """Number of the ledger's event up to which records and corrections count; None for the last one."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the database that an export is true to."""

    organization: str
    display_name: str
    zone: ZoneInfo
    position: int
    """Every event of the ledger up to this number is in the export, and none after it."""
    time: dt.datetime
    complete: bool
    """Whether no call was open that began before the end of the range. Otherwise a later export will have more."""


class CallReader:
    """Reads one selection in one transaction."""

    def __init__(self, connection: Connection, selection: Selection, snapshot: Snapshot) -> None:
        self.connection = connection
        self.snapshot = snapshot
        self._selection = selection

    async def batches(self, *others: str) -> AsyncIterator[Sequence[asyncpg.Record]]:
        """Yields calls by the sequence of their records, at most `BATCH_ROWS` at a time.

        Args:
            others: further columns in which a correction replaces its record.
        """
        parameters = Parameters()
        statement = _statement(self._selection, self.snapshot.position, others, parameters)
        cursor = await self.connection.cursor(statement, *parameters.values)
        while rows := await cursor.fetch(BATCH_ROWS, timeout=_BATCH_TIMEOUT_S):
            yield rows


@asynccontextmanager
async def reading_calls(pool: asyncpg.Pool, selection: Selection) -> AsyncIterator[CallReader]:
    """Opens a read-only transaction that sees one state of the organization, however long it takes.

    Raises:
        InvalidQueryError: the selection is out of its bounds.
        UnknownOrganizationError: there is no such organization.
    """
    require_valid(UsageQuery(selection.organization, selection.start, selection.end, filter=selection.filter))
    async with acting_for(pool, selection.organization, isolation="repeatable_read") as connection:
        await connection.execute("SET TRANSACTION READ ONLY")
        # The pool's limit is for requests that somebody waits for.
        await connection.execute(f"SET LOCAL statement_timeout = {int(_BATCH_TIMEOUT_S * 1_000)}")
        yield CallReader(connection, selection, await _snapshot(connection, selection))


async def _snapshot(connection: Connection, selection: Selection) -> Snapshot:
    row = await connection.fetchrow(_SNAPSHOT, selection.organization, selection.end)
    if row is None:
        raise UnknownOrganizationError(selection.organization)
    position = row["head"] if selection.position is None else selection.position
    if not 0 <= position <= row["head"]:
        raise InvalidQueryError("position", f"must be from 0 to {row['head']}, the last event of the ledger")
    return Snapshot(
        organization=selection.organization,
        display_name=row["display_name"],
        zone=ZoneInfo(row["time_zone"]),
        position=position,
        time=row["time"],
        complete=row["has_no_open_call"] and selection.end <= row["time"] and position == row["head"],
    )


def _statement(selection: Selection, position: int, others: Sequence[str], parameters: Parameters) -> str:
    last = parameters.add(position)
    columns = [
        *(f"u.{name}" for name in _OF_RECORD),
        *(
            f"CASE WHEN c.hold_id IS NULL THEN u.{name} ELSE c.{name} END AS {name}"
            for name in (*_AS_IT_STANDS, *others)
        ),
        "c.sequence AS correction_sequence, c.delta_nano_credits AS correction_nano_credits",
    ]
    conditions = [
        f"u.organization_id = {parameters.add(selection.organization)}",
        f"u.sequence <= {last}",
        f"u.place_time >= {parameters.add(selection.start)} AND u.place_time < {parameters.add(selection.end)}",
        *_conditions(selection, parameters),
    ]
    return (
        f"SELECT {', '.join(columns)} FROM usage_records u"  # noqa: S608 - our own names, and values as parameters
        f" LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id AND c.sequence <= {last}"
        f" WHERE {' AND '.join(conditions)} ORDER BY u.sequence"
    )


def _conditions(selection: Selection, parameters: Parameters) -> Iterable[str]:
    for name, column in _FILTERS.items():
        allowed: Any = getattr(selection.filter, name)
        if allowed:
            yield f"{column} = ANY ({parameters.add(sorted(allowed))}::text[])"
    if selection.filter.groups:
        yield f"u.group_path && {parameters.add(sorted(selection.filter.groups))}::text[]"
    if selection.reach.member is not None:
        yield f"u.member_id = {parameters.add(selection.reach.member)}"
    if selection.reach.group is not None:
        yield f"{parameters.add(selection.reach.group)} = ANY (u.group_path)"
