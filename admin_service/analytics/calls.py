"""Reads single calls, the latest first. Every page costs about the same, however many calls there are.

Where a question does not want all calls, the rollups say in which hours there are some, and only these hours of the records are
read. If days can tell, they say which hours to look up. For few callers, they are the days of each caller, and the index by time
has the members, so only their records are read. So settlement keeps no index for it alone. Records that are not in the rollups yet
are few, and are read by their numbers.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

import asyncpg

from admin_service.analytics.call_records import (
    CallerHours,
    call_columns,
    days_statement,
    days_with_calls_statement,
    hours_statement,
    record_conditions,
    tag_days_statement,
)
from admin_service.analytics.query import Filter, Granularity, Reach, Tree, UsageQuery
from admin_service.analytics.reading import position_of, require_valid
from admin_service.analytics.rollup_choice import choose
from admin_service.analytics.statements import Position
from admin_service.analytics.time_ranges import first_kept_hour, hours_of_day, period_of
from admin_service.listing.sql_parameters import Parameters
from gateway_core.stores.postgres.connections import Connection

_FIRST_HOURS: Final = 32
_FIRST_DAYS: Final = 8
_MORE: Final = 4
"""Each time that the hours or days did not suffice, as many times more are looked up."""
_ALL_HOURS: Final = 100_000
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_HOUR: Final = dt.timedelta(hours=1)
_DETAILS: Final = ("detail", "charge_lines", "later_counters")
_DETAILS_OF_RECORD: Final = "u.hold_nano_credits, u.counters, u.throttles, u.deployment, u.failed_attempts"

# Selected apart: otherwise PostgreSQL, once it has planned for any values, reads all of the period's records by their time. The
# number is a literal, so it knows that few events are new.
_NEW_RECORDS: Final = """
SELECT * FROM usage_records WHERE organization_id = {organization} AND sequence > {rolled} OFFSET 0
"""
_NEWLY_CORRECTED: Final = """
SELECT r.* FROM usage_corrections n JOIN usage_records r ON r.hold_id = n.hold_id
 WHERE n.organization_id = {organization} AND n.sequence > {rolled} OFFSET 0
"""

Cursor = tuple[dt.datetime, int]
"""When a call was placed, and the number of its record."""
Range = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True, slots=True)
class CallsPage:
    """Calls, the latest first."""

    rows: Sequence[asyncpg.Record]
    """As `call_columns` has them, with `detail`, `charge_lines`, counters and throttles."""
    has_more: bool


async def read_calls(connection: Connection, query: UsageQuery, size: int, after: Cursor | None) -> CallsPage:
    """Returns the calls that a question is about, up to `size`, from the one after the cursor on.

    The transaction acts for the organization, and must be repeatable read.

    Raises:
        InvalidQueryError: the question is out of its bounds.
        UnknownOrganizationError: there is no such organization.
    """
    require_valid(query)
    _, zone, position = await position_of(connection, query)
    last = (query.end, 0) if after is None else after
    wanted = size + 1
    if position.generation is None or (query.filter == Filter() and query.reach == Reach()):
        rows = await _records(connection, query, [(query.start, query.end)], last, wanted)
    else:
        found = [*await _rolled(connection, query, zone, position, last, wanted)]
        if position.head > position.rolled:
            found += await _unrolled(connection, query, position, last, wanted, _NEW_RECORDS)
            found += await _unrolled(connection, query, position, last, wanted, _NEWLY_CORRECTED)
        rows = sorted({row["sequence"]: row for row in found}.values(), key=cursor_of, reverse=True)
    return CallsPage(rows[:size], len(rows) > size)


def cursor_of(row: asyncpg.Record) -> Cursor:
    """Returns the place of a call in the list."""
    return row["place_time"], row["sequence"]


async def read_call(connection: Connection, organization: str, call: str, reach: Reach) -> asyncpg.Record | None:
    """Returns one call if it is in reach, in the tree of its moment or in the present one."""
    parameters = Parameters()
    columns = ", ".join((*call_columns(_DETAILS), _DETAILS_OF_RECORD))
    conditions = [
        f"u.organization_id = {parameters.add(organization)}",
        f"u.hold_id = {parameters.add(call)}",
        " OR ".join(
            " AND ".join(record_conditions(Filter(), reach, parameters, path)) or "true"
            for path in ("u.group_path", "coalesce(present.group_path, '{}')")
        ),
    ]
    where = " AND ".join(f"({condition})" for condition in conditions)
    return await connection.fetchrow(
        f"SELECT {columns} FROM {_source(present=True)} WHERE {where}",  # noqa: S608 - our own names
        *parameters.values,
    )


async def _rolled(
    connection: Connection, query: UsageQuery, zone: ZoneInfo, position: Position, last: Cursor, wanted: int
) -> Sequence[asyncpg.Record]:
    """Returns the first calls that are in the rollups."""
    rows = await _in_hours(connection, query, zone, position, last, wanted)
    if len(rows) < wanted and query.start < position.hours_from:
        rows += await _before_hours(connection, query, zone, position, last, wanted - len(rows))
    return rows


async def _before_hours(
    connection: Connection, query: UsageQuery, zone: ZoneInfo, position: Position, last: Cursor, wanted: int
) -> Sequence[asyncpg.Record]:
    """Returns the first calls whose hours were dropped. Days tell where to look, unless the filter is one of hours alone."""
    rows: list[asyncpg.Record] = []
    until = min(first_kept_hour(zone, position.hours_from), query.end)
    most, before = _FIRST_DAYS, min(until - _MICROSECOND, last[0])
    while len(rows) < wanted:
        parameters = Parameters()
        statement = days_with_calls_statement(query, position, before, most, parameters)
        if statement is None:
            return await _records(connection, query, [(query.start, until)], last, wanted)
        days = [row["day_start"] for row in await connection.fetch(statement, *parameters.values)]
        if not days:
            break
        ranges = [(max(day, query.start), min(period_of(Granularity.DAY, zone, day).end, until)) for day in days]
        rows += await _records(connection, query, ranges, last, wanted - len(rows))
        before, most = days[-1] - _MICROSECOND, most * _MORE
    return rows


async def _in_hours(
    connection: Connection, query: UsageQuery, zone: ZoneInfo, position: Position, last: Cursor, wanted: int
) -> list[asyncpg.Record]:
    """Returns the first calls whose hours are in the rollups."""
    rows: list[asyncpg.Record] = []
    first = max(query.start - _HOUR, position.hours_from)
    # Hours that are not over are in no day yet.
    by_days = _days_statement(query, position, last[0], 1, Parameters()) is not None
    recent = max(first, position.days_until) if by_days else first
    most, before = _FIRST_HOURS, last[0]
    while before >= recent and len(rows) < wanted:
        parameters = Parameters()
        statement = hours_statement(query, position, recent, before, most, parameters)
        hours = await connection.fetch(statement, *parameters.values)
        before = await _read_hours(connection, query, hours, before, last, wanted, rows)
        if len(hours) < most and len(rows) < wanted:
            before = recent - _MICROSECOND
        most *= _MORE
    # The hours of a day are read whole. Callers have few of them, but a group or a model may have all.
    of_callers = days_statement(query, position, last[0], 1, Parameters()) is not None
    most_days = _FIRST_DAYS if of_callers else 1
    while by_days and before >= first and len(rows) < wanted:
        parameters = Parameters()
        days = await connection.fetch(
            str(_days_statement(query, position, before, most_days, parameters)), *parameters.values
        )
        if not days:
            break
        members = sorted({one for row in days for one in row.get("members", ())})
        starts = [start for row in days for start in hours_of_day(zone, row["day_start"])]
        parameters = Parameters()
        statement = hours_statement(
            query, position, first, before, _ALL_HOURS, parameters, CallerHours(starts, members)
        )
        hours = await connection.fetch(statement, *parameters.values)
        kept = replace(query.filter, members=query.filter.members or frozenset(members))
        before = await _read_hours(connection, replace(query, filter=kept), hours, before, last, wanted, rows)
        if len(rows) < wanted:
            before = days[-1]["day_start"] - _MICROSECOND
        most_days *= _MORE
    return rows


def _days_statement(
    query: UsageQuery, position: Position, last: dt.datetime, most: int, parameters: Parameters
) -> str | None:
    """Returns the statement for the latest days with calls of a question; None if there is none that reads few rows.

    Its columns: start of the day, and the members whose calls they are, if the question is about some callers.
    """
    of_callers = days_statement(query, position, last, most, parameters)
    if of_callers is None and query.filter.tags:
        return tag_days_statement(query, position, last, most, parameters)
    if of_callers is not None or choose(query, Granularity.DAY).day_scope[1] is None:
        return of_callers
    return days_with_calls_statement(query, position, last, most, parameters)


async def _read_hours(
    connection: Connection,
    query: UsageQuery,
    hours: Sequence[asyncpg.Record],
    before: dt.datetime,
    last: Cursor,
    wanted: int,
    rows: list[asyncpg.Record],
) -> dt.datetime:
    """Adds calls of hours, which are the latest first, until there are enough. Returns the last instant before what was read."""
    while hours and len(rows) < wanted:
        chosen = _enough(hours, wanted - len(rows))
        ranges = _ranges(chosen, query, before)
        rows += await _records(connection, query, ranges, last, wanted - len(rows))
        before, hours = chosen[-1] - _MICROSECOND, hours[len(chosen) :]
    return before


def _enough(hours: Sequence[asyncpg.Record], wanted: int) -> Sequence[dt.datetime]:
    """Returns the first hours that have enough calls together. The first one may have some that are not wanted."""
    chosen: list[dt.datetime] = []
    found = 0
    for hour, calls in hours:
        found += calls if chosen else 0
        chosen.append(hour)
        if found >= wanted:
            break
    return chosen


def _ranges(hours: Sequence[dt.datetime], query: UsageQuery, before: dt.datetime) -> Sequence[Range]:
    """Returns the ranges of hours, the latest first. Hours that follow each other are one range."""
    ranges: list[Range] = []
    # An hour in which clocks change may be shorter than an hour. Then the next one begins before it would end.
    end_at_most = before + dt.timedelta(microseconds=1)
    for hour in hours:
        start, end = max(hour, query.start), min(hour + _HOUR, query.end, end_at_most)
        if ranges and end == ranges[-1][0]:
            ranges[-1] = (start, ranges[-1][1])
        else:
            ranges.append((start, end))
        end_at_most = start
    return ranges


async def _records(
    connection: Connection, query: UsageQuery, ranges: Sequence[Range], last: Cursor, wanted: int
) -> Sequence[asyncpg.Record]:
    """Returns the first calls in ranges of time, which are the latest first."""
    parameters = Parameters()
    starts, ends = parameters.add([one for one, _ in ranges]), parameters.add([one for _, one in ranges])
    most = parameters.add(wanted)
    in_range = (
        f"(u.place_time, u.sequence) < ({parameters.add(last[0])}, {parameters.add(last[1])})",
        "u.place_time >= part.start AND u.place_time < part.end_",
    )
    statement = f"""
    SELECT call.* FROM unnest({starts}::timestamptz[], {ends}::timestamptz[]) AS part (start, end_)
     CROSS JOIN LATERAL ({_select(query, in_range, parameters)} LIMIT {most}) AS call
     ORDER BY call.place_time DESC, call.sequence DESC LIMIT {most}"""  # noqa: S608 - our own names, and values as parameters
    return await connection.fetch(statement, *parameters.values)


async def _unrolled(
    connection: Connection, query: UsageQuery, position: Position, last: Cursor, wanted: int, which: str
) -> Sequence[asyncpg.Record]:
    """Returns the first calls that are not in the rollups yet, or stand otherwise there."""
    parameters = Parameters()
    records = which.format(organization=parameters.add(query.organization), rolled=int(position.rolled))
    conditions = (
        f"u.place_time >= {parameters.add(query.start)} AND u.place_time < {parameters.add(query.end)}",
        f"(u.place_time, u.sequence) < ({parameters.add(last[0])}, {parameters.add(last[1])})",
    )
    statement = f"{_select(query, conditions, parameters, f'({records})')} LIMIT {parameters.add(wanted)}"
    return await connection.fetch(statement, *parameters.values)


def _select(
    query: UsageQuery, conditions: Iterable[str], parameters: Parameters, records: str = "usage_records"
) -> str:
    uses_present = query.tree is Tree.AS_IT_IS
    path = "coalesce(present.group_path, '{}')" if uses_present else "u.group_path"
    columns = ", ".join((*call_columns(_DETAILS), _DETAILS_OF_RECORD))
    every = [
        f"u.organization_id = {parameters.add(query.organization)}",
        *conditions,
        *record_conditions(query.filter, query.reach, parameters, path),
    ]
    return (
        f"SELECT {columns} FROM {_source(records, present=uses_present)} WHERE {' AND '.join(every)}"  # noqa: S608 - our own names
        " ORDER BY u.place_time DESC, u.sequence DESC"
    )


def _source(records: str = "usage_records", *, present: bool) -> str:
    joined = (
        " LEFT JOIN members present ON present.organization_id = u.organization_id AND present.member_id = u.member_id"
    )
    return f"{records} u LEFT JOIN usage_corrections c ON c.hold_id = u.hold_id{joined if present else ''}"
