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
    UsageAnswer,
    UsageGroup,
    measures_of,
    total_of,
)
from admin_service.analytics.query import (
    MAX_FILTER_VALUES,
    MAX_GROUP_BY,
    MAX_LIMIT,
    MAX_POINTS,
    Dimension,
    Granularity,
    InvalidQueryError,
    TagDimension,
    UsageQuery,
)
from admin_service.analytics.rollup_choice import choose
from admin_service.analytics.statements import (
    ONLY_CHARGE,
    Position,
    Selection,
    matching_statement,
    ranked_measures,
    ranked_statement,
    ranking_statement,
)
from admin_service.analytics.time_ranges import (
    Piece,
    Source,
    buckets_of,
    first_kept_hour,
    pieces_of,
    previous_range,
    without_dropped_hours,
)
from admin_service.listing.sql_parameters import Parameters
from gateway_core.model.call_tags import MAX_TAGS
from gateway_core.model.usage_measures import COUNT_COLUMNS, DURATION_COLUMNS, FIRST_BYTE_COLUMNS
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

EARLIEST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
LATEST: Final = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)

_POSITION: Final = """
SELECT coalesce(r.time_zone, o.time_zone) AS time_zone, r.generation, coalesce(r.sequence, 0) AS rolled, h.sequence AS head,
       coalesce(r.days_until, 'epoch') AS days_until, coalesce(r.hours_from, 'epoch') AS hours_from,
       coalesce(nullif(current_setting('megarouter.as_of', true), '')::timestamptz, now()) AS time,
       NOT EXISTS (SELECT FROM holds WHERE organization_id = $1 AND state = 'HELD' AND place_time < $2) AS has_no_open_call
  FROM organizations o JOIN ledger_heads h ON h.organization_id = o.organization_id
  LEFT JOIN usage_rollups r ON r.organization_id = o.organization_id AND r.state = 'CURRENT'
 WHERE o.organization_id = $1
"""


# How many rows an answer reads depends on its period and its callers. A plan for any of them reads the months of everyone: 190 ms
# instead of 33 for the largest members of a year.
_BY_VALUES: Final = "SET LOCAL plan_cache_mode = force_custom_plan"
_FILTER_OF_CALLERS: Final = {Dimension.API_KEY: "api_keys", Dimension.MEMBER: "members"}
_TAGGED: Final = {Source.HOURS: Source.TAGGED_HOURS}


class UnknownOrganizationError(Exception):
    """There is no such organization."""


@dataclass(frozen=True, slots=True)
class PastState:
    """A former state of the ledger. Answers about it are read from the records themselves, which takes longer than rollups."""

    position: int
    """Number of the last event that counts."""
    zone: ZoneInfo
    """In which buckets begin."""


@dataclass(slots=True)
class _Found:
    """A group as it is read: its values, and its measures by bucket."""

    values: tuple[str, ...]
    series: list[Measures]

    @property
    def total(self) -> Measures:
        return total_of(self.series)


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
        kept.tags,
    ):
        if len(values) > MAX_FILTER_VALUES:
            raise InvalidQueryError("filter", f"must have at most {MAX_FILTER_VALUES} values of a kind")
    if len({name for name, _ in kept.tags}) > MAX_TAGS:
        raise InvalidQueryError("filter", f"must name at most {MAX_TAGS} tags, as many as a call can have")


async def answer_in(connection: Connection, query: UsageQuery, past: PastState | None = None) -> UsageAnswer:
    """Answers a question in a transaction that acts for the organization. It must be repeatable read.

    Raises:
        InvalidQueryError: the question cannot be answered as it is.
        UnknownOrganizationError: there is no such organization.
    """
    require_valid(query)
    row, zone, position = await position_of(connection, query, past)
    groups_at_most = 1 + (query.limit if query.group_by else 0)
    buckets = buckets_of(query.granularity, zone, query.start, query.end, MAX_POINTS // groups_at_most)
    if buckets is None:
        raise InvalidQueryError("granularity", f"gives more than {MAX_POINTS} points with this range and limit")
    found, other, group_count = await _read_groups(connection, query, zone, position, buckets)
    totals = [one.total for one in found]
    other_total = other.total
    total = total_of((*totals, other_total))
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
        previous=None if previous is None else total_of(previous.values()),
        previous_range=before,
        time_zone=zone.key,
        as_of=AsOf(position.head, row["time"], position.rolled),
        complete=row["has_no_open_call"] and query.end <= row["time"] and position.head == row["head"],
    )


async def position_of(
    connection: Connection, query: UsageQuery, past: PastState | None = None
) -> tuple[asyncpg.Record, ZoneInfo, Position]:
    """Returns the state of the ledger and the rollups: the row of `_POSITION`, the zone of the rollups, and their position.

    With `past`, the state is that of an earlier position, which is read from the records alone.

    Raises:
        UnknownOrganizationError: there is no such organization.
        InvalidQueryError: the ledger has not reached the position of `past`.
    """
    await connection.execute(_BY_VALUES)
    row = await connection.fetchrow(_POSITION, query.organization, query.end)
    if row is None:
        raise UnknownOrganizationError(query.organization)
    if past is not None:
        if not 0 <= past.position <= row["head"]:
            raise InvalidQueryError("position", f"must be from 0 to {row['head']}, the last event of the ledger")
        return row, past.zone, Position(None, past.position, past.position, EARLIEST, EARLIEST)
    position = Position(row["generation"], row["rolled"], row["head"], row["days_until"], row["hours_from"])
    return row, ZoneInfo(row["time_zone"]), position


def selection_of(
    query: UsageQuery,
    zone: ZoneInfo,
    position: Position,
    buckets: Sequence[Bucket],
    granularity: Granularity,
    measures: Sequence[str] | None = None,
) -> Selection:
    """Returns what to read for a query.

    Args:
        query: the question to answer.
        zone: of the rollups.
        position: of the rollups and the ledger.
        buckets: of the answer, or one for all of it.
        granularity: their size.
        measures: the only ones that are needed; None stands for all that the query asks for.
    """
    choice = choose(query, granularity, measures)
    sources = choice.sources if position.generation is not None else ()
    start, end = buckets[0].start, buckets[-1].end
    kept_from = first_kept_hour(zone, position.hours_from) if position.hours_from > start else start
    tagged: list[Piece] = []
    divides_by_tags = any(isinstance(dimension, TagDimension) for dimension in query.group_by)
    if divides_by_tags and not query.filter.tags:
        # Days do not tell tags apart, so where hours were dropped, only the records do.
        dropped = [Piece(Source.RECORDS, start, min(kept_from, end))] if kept_from > start else []
        kept = (max(start, kept_from), end)
        pieces = (*dropped, *(pieces_of(zone, *kept, sources, position.days_until) if kept[0] < end else ()))
        hours = [one for one in sources if one is Source.HOURS]
        tagged = [
            replace(piece, source=_TAGGED[piece.source])
            for piece in (pieces_of(zone, *kept, hours, position.days_until) if kept[0] < end else ())
            if piece.source in _TAGGED
        ]
    else:
        pieces = without_dropped_hours(pieces_of(zone, start, end, sources, position.days_until), kept_from)
        if query.filter.tags:
            pieces = tuple(replace(piece, source=_TAGGED.get(piece.source, piece.source)) for piece in pieces)
    span = Piece(Source.RECORDS, start, end)
    return Selection(query, choice, position, span, pieces, [bucket.start for bucket in buckets], tagged)


async def _read_groups(
    connection: Connection, query: UsageQuery, zone: ZoneInfo, position: Position, buckets: Sequence[Bucket]
) -> tuple[list[_Found], _Found, int]:
    """Returns the groups up to the limit, the sum of the others, and how many groups there are."""
    if _callers(query, position) is not None:
        return await _read_callers(connection, query, zone, position, buckets)
    parameters = Parameters()
    statement = ranked_statement(selection_of(query, zone, position, buckets, query.granularity), parameters)
    found: dict[int, _Found] = {}
    other = _Found((), [NO_USAGE] * len(buckets))
    group_count = 0
    count_place = 2 + len(query.group_by)
    for row in await connection.fetch(statement, *parameters.values):
        shown = row[0]
        group = other if shown is None else found.get(shown)
        if group is None:
            group = found[shown] = _Found(row[2:count_place], [NO_USAGE] * len(buckets))
        _add(group.series, row[1], _measures(row, query, count_place + 1))
        group_count = row[count_place]
    if not query.group_by and not found:
        return [_Found((), [NO_USAGE] * len(buckets))], other, 1
    return [found[place] for place in sorted(found)], other, group_count


def _callers(query: UsageQuery, position: Position) -> Dimension | None:
    """Returns the dimension by which a query tells callers apart, if it does. Records alone are read once, for all groups."""
    if position.generation is None:
        return None
    return next((dimension for dimension in _FILTER_OF_CALLERS if dimension in query.group_by), None)


async def _read_callers(
    connection: Connection, query: UsageQuery, zone: ZoneInfo, position: Position, buckets: Sequence[Bucket]
) -> tuple[list[_Found], _Found, int]:
    """As `_read_groups`, for groups of callers, who are many: finds the first ones, and then reads only their rows."""
    parameters = Parameters()
    whole = (Bucket(query.start, query.end),)
    selection = selection_of(query, zone, position, whole, Granularity.TOTAL, ranked_measures(query))
    statement = ranking_statement(selection, parameters)
    rows = await connection.fetch(statement, *parameters.values)
    shown = [tuple(row)[:-1] for row in rows]
    group_count = rows[0]["group_count"] if rows else 0
    series = await _read_matching(
        connection, query, zone, position, buckets, query.granularity, shown, with_others=group_count > len(shown)
    )
    none = [NO_USAGE] * len(buckets)
    found = [_Found(values, series.get(place, none)) for place, values in enumerate(shown)]
    return found, _Found((), series.get(None, none)), group_count


async def _read_previous(
    connection: Connection,
    query: UsageQuery,
    zone: ZoneInfo,
    position: Position,
    before: Bucket,
    found: Sequence[_Found],
) -> Mapping[int | None, Measures]:
    """Returns the measures of the period before, by the index of the group. None stands for all other groups."""
    shown = [one.values for one in found]
    series = await _read_matching(connection, query, zone, position, (before,), Granularity.TOTAL, shown)
    return {place: measures for place, (measures,) in series.items()}


async def _read_matching(
    connection: Connection,
    query: UsageQuery,
    zone: ZoneInfo,
    position: Position,
    buckets: Sequence[Bucket],
    granularity: Granularity,
    shown: Sequence[tuple[str, ...]],
    *,
    with_others: bool = True,
) -> Mapping[int | None, list[Measures]]:
    """Returns the measures of groups by bucket, by the index of the group. None stands for all other groups.

    For callers, it reads only the rows of those that are shown, and the total from rows that tell no callers apart. The others are
    the difference.
    """

    async def read(asked: UsageQuery, groups: Sequence[tuple[str, ...]]) -> dict[int | None, list[Measures]]:
        parameters = Parameters()
        statement = matching_statement(selection_of(asked, zone, position, buckets, granularity), groups, parameters)
        series: dict[int | None, list[Measures]] = {}
        for row in await connection.fetch(statement, *parameters.values):
            place = None if row["place"] is None else row["place"] - 1
            series.setdefault(place, [NO_USAGE] * len(buckets))[row["bucket"] - 1] = _measures(row, asked, 2)
        return series

    callers = _callers(query, position)
    if callers is None:
        return await read(query, shown)
    ids = frozenset(values[query.group_by.index(callers)] for values in shown)
    of_callers: dict[str, Any] = {_FILTER_OF_CALLERS[callers]: ids}
    kept = replace(query.filter, **of_callers)
    found = await read(replace(query, filter=kept), shown) if shown else {}
    found.pop(None, None)
    if with_others:
        none = [NO_USAGE] * len(buckets)
        total = (await read(replace(query, group_by=()), [()])).get(0, none)
        listed = [total_of(bucket) for bucket in zip(*found.values(), strict=True)] or none
        found[None] = [whole - some for whole, some in zip(total, listed, strict=True)]
    return found


def _add(series: list[Measures], bucket: int, measures: Measures) -> None:
    before = series[bucket - 1]
    series[bucket - 1] = measures if before is NO_USAGE else before + measures


def _measures(row: asyncpg.Record, query: UsageQuery, first: int) -> Measures:
    """Returns the measures of a query from a row that ends with them, from its column `first` on."""
    if query.only_charge:
        return Measures(**{name: row[name] for name in ONLY_CHARGE})
    durations = first_bytes = None
    if query.with_latencies:
        durations, first_bytes = _latencies(row, DURATION_COLUMNS), _latencies(row, FIRST_BYTE_COLUMNS)
    # By their places: an answer of a year has thousands of rows.
    return measures_of(row[first : first + len(COUNT_COLUMNS)], durations, first_bytes)


def _latencies(row: asyncpg.Record, columns: Sequence[str]) -> Latencies | None:
    counts = tuple(row[name] for name in columns)
    return Latencies(counts) if any(counts) else None
