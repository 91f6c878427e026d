"""Counts the members of the calls that a question is about, in the transaction that answers it."""

import datetime as dt
from dataclasses import replace
from typing import Final

from admin_service.analytics.answer import Bucket, MemberCounts
from admin_service.analytics.member_counts.statements import (
    COUNTED,
    can_use_sets,
    counting_sets_statement,
    counting_statement,
)
from admin_service.analytics.query import Dimension, Granularity, UsageQuery
from admin_service.analytics.reading import PastState, position_of, selection_of
from admin_service.analytics.statements import Position
from admin_service.analytics.time_ranges import Source
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
        rest = [piece for piece in selection.pieces if piece.source is not Source.DAYS]
        statement = counting_sets_statement(replace(selection, pieces=rest), days, parameters)
    else:
        statement = counting_statement(selection, parameters)
    rows = await connection.fetch(statement, *parameters.values)
    counts = {value: count for value, count in rows if value is not None}
    return MemberCounts(next(count for value, count in rows if value is None), counts)


async def _has_calls_to_take_back(connection: Connection, query: UsageQuery, position: Position) -> bool:
    """Returns whether calls after the rollups take back earlier ones."""
    if position.head == position.rolled:
        return False
    found: bool = await connection.fetchval(_HAS_CALLS_TO_TAKE_BACK, query.organization, position.rolled, position.head)
    return found
