"""Counts the members of the calls that a question is about, in the transaction that answers it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

from admin_service.analytics.answer import Bucket, MemberCounts
from admin_service.analytics.member_counts.statements import (
    COUNTED,
    can_use_sets,
    counting_sets_statement,
    counting_statement,
    insiders_statement,
)
from admin_service.analytics.query import MAX_POINTS, Dimension, Granularity, UsageQuery
from admin_service.analytics.reading import PastState, position_of, selection_of
from admin_service.analytics.rollup_choice import only_group
from admin_service.analytics.statements import Position
from admin_service.analytics.time_ranges import Piece, Source, buckets_of, period_of
from admin_service.listing.sql_parameters import Parameters
from gateway_core.stores.postgres.connections import Connection

# A call that turned out to have failed takes itself back. Sets cannot tell whether it was the member's only one.
_HAS_CALLS_TO_TAKE_BACK: Final = """
SELECT EXISTS (SELECT FROM usage_corrections
                WHERE organization_id = $1 AND sequence > $2 AND sequence <= $3 AND outcome = 'VOIDED')
"""


async def member_counts(
    connection: Connection, query: UsageQuery, start: dt.datetime, end: dt.datetime, past: PastState | None = None
) -> MemberCounts:
    """Counts the members of the calls in `[start, end)` that match a valid question, by its first dimension if it has one.

    The transaction is that of `answer_in`.

    Raises:
        UnknownOrganizationError: there is no such organization.
    """
    of_members = replace(query, group_by=(*query.group_by[:1], Dimension.MEMBER), with_latencies=False)
    _, zone, position = await position_of(connection, query, past)
    parameters = Parameters()
    selection = selection_of(of_members, zone, position, (Bucket(start, end),), Granularity.TOTAL, COUNTED)
    days = [piece for piece in selection.pieces if piece.source is Source.DAYS]
    if days and can_use_sets(of_members) and not await _has_calls_to_take_back(connection, query, position):
        rest = replace(selection, pieces=[piece for piece in selection.pieces if piece.source is not Source.DAYS])
        insiders, others = await _insiders(connection, query, zone, position, days)
        statement = counting_sets_statement(rest, days, parameters, insiders, others)
    else:
        statement = counting_statement(selection, parameters)
    rows = await connection.fetch(statement, *parameters.values)
    counts = {value: count for value, count in rows if value is not None}
    return MemberCounts(next(count for value, count in rows if value is None), counts)


async def _insiders(
    connection: Connection, query: UsageQuery, zone: ZoneInfo, position: Position, days: Sequence[Piece]
) -> tuple[Sequence[str] | None, Sequence[str]]:
    """Returns the members who had calls only in the one group of a query, in the months of some days, and those with others too.

    Without a group, all members count: None.
    """
    group = only_group(query)
    if group is None:
        return None, ()
    months = {
        bucket.start
        for day in days
        for bucket in buckets_of(Granularity.MONTH, zone, day.start, day.end, MAX_POINTS) or ()
    }
    starts = sorted(period_of(Granularity.MONTH, zone, start).start for start in months)
    parameters = Parameters()
    statement = insiders_statement(query, group, position.generation, starts, parameters)
    rows = await connection.fetch(statement, *parameters.values)
    return [member for member, is_insider in rows if is_insider], [
        member for member, is_insider in rows if not is_insider
    ]


async def _has_calls_to_take_back(connection: Connection, query: UsageQuery, position: Position) -> bool:
    """Returns whether calls after the rollups take back earlier ones."""
    if position.head == position.rolled:
        return False
    found: bool = await connection.fetchval(_HAS_CALLS_TO_TAKE_BACK, query.organization, position.rolled, position.head)
    return found
