"""Reads the answer to a query, in one snapshot of the database."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg

from admin_service.analytics.answer import (
    NO_USAGE,
    AsOf,
    Bucket,
    Latencies,
    Measures,
    MemberCounts,
    UsageAnswer,
    UsageGroup,
)
from admin_service.analytics.query import (
    MAX_FILTER_VALUES,
    MAX_GROUP_BY,
    MAX_LIMIT,
    MAX_POINTS,
    Dimension,
    Granularity,
    InvalidQueryError,
    UsageQuery,
)
from admin_service.analytics.rollup_choice import choose
from admin_service.analytics.statements import (
    Position,
    Selection,
    matching_statement,
    member_counts_statement,
    ranked_statement,
)
from admin_service.analytics.time_ranges import buckets_of, pieces_of, previous_range
from admin_service.listing.sql_parameters import Parameters
from gateway_core.model.usage_measures import COUNT_COLUMNS, DURATION_COLUMNS, FIRST_BYTE_COLUMNS
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

EARLIEST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
LATEST: Final = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)

_POSITION: Final = """
SELECT coalesce(r.time_zone, o.time_zone) AS time_zone, r.generation, coalesce(r.sequence, 0) AS rolled, h.sequence AS head,
       coalesce(r.days_until, 'epoch') AS days_until,
       now() AS time,
       NOT EXISTS (SELECT FROM holds WHERE organization_id = $1 AND state = 'HELD' AND place_time < $2) AS has_no_open_call
  FROM organizations o JOIN ledger_heads h ON h.organization_id = o.organization_id
  LEFT JOIN usage_rollups r ON r.organization_id = o.organization_id AND r.state = 'CURRENT'
 WHERE o.organization_id = $1
"""


class UnknownOrganizationError(Exception):
    """There is no such organization."""


@dataclass(slots=True)
class _Found:
    """A group as it is read: its values, and its measures by bucket."""

    values: tuple[str, ...]
    series: list[Measures]

    @property
    def total(self) -> Measures:
        return sum(self.series, NO_USAGE)


async def answer_query(pool: asyncpg.Pool, query: UsageQuery) -> UsageAnswer:
    """Answers a question about usage.

    Raises:
        InvalidQueryError: the question cannot be answered as it is.
        UnknownOrganizationError: there is no such organization.
    """
    async with acting_for(pool, query.organization, isolation="repeatable_read") as connection:
        return await answer_in(connection, query)


def require_valid(query: UsageQuery) -> None:
    """Checks what does not depend on the organization.

    Raises:
        InvalidQueryError: something is out of its bounds.
    """
    for field, instant in (("start", query.start), ("end", query.end)):
        if instant.tzinfo is None or not EARLIEST <= instant <= LATEST:
            raise InvalidQueryError(field, f"must be from {EARLIEST.year} to {LATEST.year}")
    if query.start >= query.end:
        raise InvalidQueryError("end", "must be after the start")
    if len(query.group_by) > MAX_GROUP_BY or len(set(query.group_by)) != len(query.group_by):
        raise InvalidQueryError("group_by", f"must be at most {MAX_GROUP_BY} different dimensions")
    if not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidQueryError("limit", f"must be from 1 to {MAX_LIMIT}")
    kept = query.filter
    for values in (
        kept.groups,
        kept.members,
        kept.api_keys,
        kept.models,
        kept.providers,
        kept.endpoints,
        kept.statuses,
    ):
        if len(values) > MAX_FILTER_VALUES:
            raise InvalidQueryError("filter", f"must have at most {MAX_FILTER_VALUES} values of a kind")


async def answer_in(connection: Connection, query: UsageQuery) -> UsageAnswer:
    """Answers a question in a transaction that acts for the organization. It must be repeatable read.

    Raises:
        InvalidQueryError: the question cannot be answered as it is.
        UnknownOrganizationError: there is no such organization.
    """
    require_valid(query)
    row, zone, position = await _position(connection, query)
    groups_at_most = 1 + (query.limit if query.group_by else 0)
    buckets = buckets_of(query.granularity, zone, query.start, query.end, MAX_POINTS // groups_at_most)
    if buckets is None:
        raise InvalidQueryError("granularity", f"gives more than {MAX_POINTS} points with this range and limit")
    found, other, group_count = await _read_groups(connection, query, zone, position, buckets)
    totals = [one.total for one in found]
    other_total = other.total
    total = sum(totals, other_total)
    before = previous_range(zone, query.start, query.end) if query.compare_with_previous else None
    previous = None if before is None else await _read_previous(connection, query, zone, position, before, found)
    groups = [
        UsageGroup(
            one.values, totals[index], tuple(one.series), None if previous is None else previous.get(index, NO_USAGE)
        )
        for index, one in enumerate(found)
    ]
    rest_before = None if previous is None else previous.get(None, NO_USAGE)
    if group_count > len(found) or (rest_before is not None and rest_before != NO_USAGE):
        groups.append(UsageGroup(None, other_total, tuple(other.series), rest_before))
    return UsageAnswer(
        buckets=buckets,
        groups=tuple(groups),
        group_count=group_count,
        total=total,
        previous=None if previous is None else sum(previous.values(), NO_USAGE),
        previous_range=before,
        time_zone=zone.key,
        as_of=AsOf(position.head, row["time"], position.rolled),
        complete=row["has_no_open_call"] and query.end <= row["time"],
    )


async def member_counts(
    connection: Connection, query: UsageQuery, start: dt.datetime, end: dt.datetime
) -> MemberCounts:
    """Counts the members of the calls in `[start, end)` that match a valid question, by its first dimension.

    The transaction is that of `answer_in`.

    Raises:
        UnknownOrganizationError: there is no such organization.
    """
    of_members = replace(query, group_by=(query.group_by[0], Dimension.MEMBER))
    _, zone, position = await _position(connection, query)
    parameters = Parameters()
    selection = _selection(of_members, zone, position, (Bucket(start, end),), Granularity.TOTAL)
    rows = await connection.fetch(member_counts_statement(selection, parameters), *parameters.values)
    counts = {value: count for value, count in rows if value is not None}
    return MemberCounts(next(count for value, count in rows if value is None), counts)


async def _position(connection: Connection, query: UsageQuery) -> tuple[asyncpg.Record, ZoneInfo, Position]:
    row = await connection.fetchrow(_POSITION, query.organization, query.end)
    if row is None:
        raise UnknownOrganizationError(query.organization)
    position = Position(row["generation"], row["rolled"], row["head"], row["days_until"])
    return row, ZoneInfo(row["time_zone"]), position


def _selection(
    query: UsageQuery, zone: ZoneInfo, position: Position, buckets: Sequence[Bucket], granularity: Granularity
) -> Selection:
    choice = choose(query, granularity)
    sources = choice.sources if position.generation is not None else ()
    pieces = pieces_of(zone, buckets[0].start, buckets[-1].end, sources, position.days_until)
    return Selection(query, choice, position, pieces, [bucket.start for bucket in buckets])


async def _read_groups(
    connection: Connection, query: UsageQuery, zone: ZoneInfo, position: Position, buckets: Sequence[Bucket]
) -> tuple[list[_Found], _Found, int]:
    """Returns the groups up to the limit, the sum of the others, and how many groups there are."""
    parameters = Parameters()
    statement = ranked_statement(_selection(query, zone, position, buckets, query.granularity), parameters)
    found: dict[int, _Found] = {}
    other = _Found((), [NO_USAGE] * len(buckets))
    group_count = 0
    for row in await connection.fetch(statement, *parameters.values):
        shown, bucket, *rest = row
        if shown is None:
            group = other
        else:
            values = tuple(rest[: len(query.group_by)])
            group = found.setdefault(shown, _Found(values, [NO_USAGE] * len(buckets)))
        group.series[bucket - 1] = _measures(row)
        group_count = row["group_count"]
    if not query.group_by and not found:
        return [_Found((), [NO_USAGE] * len(buckets))], other, 1
    return [found[place] for place in sorted(found)], other, group_count


async def _read_previous(
    connection: Connection,
    query: UsageQuery,
    zone: ZoneInfo,
    position: Position,
    before: Bucket,
    found: Sequence[_Found],
) -> Mapping[int | None, Measures]:
    """Returns the measures of the period before, by the index of the group. None stands for all other groups."""
    parameters = Parameters()
    selection = _selection(query, zone, position, (before,), Granularity.TOTAL)
    statement = matching_statement(selection, [one.values for one in found], parameters)
    rows = await connection.fetch(statement, *parameters.values)
    return {None if row["place"] is None else row["place"] - 1: _measures(row) for row in rows}


def _measures(row: asyncpg.Record) -> Measures:
    counts: dict[str, Any] = {name: row[name] for name in COUNT_COLUMNS}
    if DURATION_COLUMNS[0] in row:
        counts["durations"] = Latencies(tuple(row[name] for name in DURATION_COLUMNS))
        counts["first_bytes"] = Latencies(tuple(row[name] for name in FIRST_BYTE_COLUMNS))
    return Measures(**counts)
