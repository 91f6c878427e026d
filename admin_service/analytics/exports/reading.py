"""Reads the calls of an organization in the order of its ledger, batch by batch, in one snapshot of the database."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from admin_service.analytics.call_records import call_columns, record_conditions
from admin_service.analytics.query import Filter, InvalidQueryError, Reach, UsageQuery
from admin_service.analytics.reading import UnknownOrganizationError, require_valid
from admin_service.listing.sql_parameters import Parameters
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

BATCH_ROWS: Final = 500
"""Calls that are read and written at once: what an export holds in memory."""
_BATCH_TIMEOUT_S: Final = 300.0
"""For finding the next batch. Where few calls match, that may read a large part of the ledger."""

NO_FILTER: Final = Filter()
EVERYTHING: Final = Reach()

# A replica says by the setting up to when it has everything.
_SNAPSHOT: Final = """
SELECT o.display_name, o.time_zone, h.sequence AS head,
       coalesce(nullif(current_setting('megarouter.as_of', true), '')::timestamptz, now()) AS time,
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
    after: int = 0
    """Only calls whose records have higher numbers: those that an earlier page of the same export did not have."""


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

    def __init__(
        self, connection: Connection, selection: Selection, snapshot: Snapshot, timeout_s: float = _BATCH_TIMEOUT_S
    ) -> None:
        self.connection = connection
        self._timeout_s = timeout_s
        self.snapshot = snapshot
        self._selection = selection

    async def batches(self, *others: str, rows: int | None = None) -> AsyncIterator[Sequence[asyncpg.Record]]:
        """Yields calls by the sequence of their records.

        Args:
            others: further columns in which a correction replaces its record.
            rows: how many calls to yield at a time; by default `BATCH_ROWS`.
        """
        parameters = Parameters()
        statement = _statement(self._selection, self.snapshot.position, others, parameters)
        cursor = await self.connection.cursor(statement, *parameters.values)
        while found := await cursor.fetch(rows or BATCH_ROWS, timeout=self._timeout_s):
            yield found


@asynccontextmanager
async def reading_calls(
    pool: asyncpg.Pool, selection: Selection, timeout_s: float = _BATCH_TIMEOUT_S
) -> AsyncIterator[CallReader]:
    """Opens a read-only transaction that sees one state of the organization, however long it takes.

    Args:
        pool: logged in as admin_service.
        selection: which calls.
        timeout_s: for finding the next batch.

    Raises:
        InvalidQueryError: the selection is out of its bounds.
        UnknownOrganizationError: there is no such organization.
    """
    require_valid(UsageQuery(selection.organization, selection.start, selection.end, filter=selection.filter))
    async with acting_for(pool, selection.organization, isolation="repeatable_read") as connection:
        await connection.execute("SET TRANSACTION READ ONLY")
        # The pool's limit is for requests that somebody waits for.
        await connection.execute(f"SET LOCAL statement_timeout = {int(timeout_s * 1_000)}")
        yield CallReader(connection, selection, await _snapshot(connection, selection), timeout_s)


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
    conditions = [
        f"u.organization_id = {parameters.add(selection.organization)}",
        f"u.sequence > {parameters.add(selection.after)} AND u.sequence <= {last}",
        f"u.place_time >= {parameters.add(selection.start)} AND u.place_time < {parameters.add(selection.end)}",
        *record_conditions(selection.filter, selection.reach, parameters),
    ]
    return (
        f"SELECT {', '.join(call_columns(others))} FROM usage_records u"  # noqa: S608 - our own names, and values as parameters
        f" LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id AND c.sequence <= {last}"
        f" WHERE {' AND '.join(conditions)} ORDER BY u.sequence"
    )
