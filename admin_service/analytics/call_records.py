"""SQL that reads calls as they stand: a record `u`, and the correction `c` that replaces parts of it. Pure.

And SQL that says in which hours of the rollups, or on which days, the calls of a question are.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.analytics.kept_conditions import kept_conditions, values_by_tag
from admin_service.analytics.query import Filter, Granularity, Reach, UsageQuery
from admin_service.analytics.rollup_choice import choose
from admin_service.analytics.statements import Position, Selection, conditions_of, joined_groups
from admin_service.analytics.time_ranges import Piece, Source
from admin_service.listing.sql_parameters import Parameters
from gateway_core.model.usage_measures import INPUT_TOKEN_COLUMNS, OUTPUT_TOKEN_COLUMNS

TOKEN_COLUMNS: Final = (*INPUT_TOKEN_COLUMNS, *OUTPUT_TOKEN_COLUMNS)
_OF_RECORD: Final = (
    *("hold_id", "sequence", "place_time", "settle_time", "group_path", "member_id", "api_key_id", "endpoint"),
    *("streamed", "requested_model", "provider_id", "price_version", "tags", "own_key"),
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


@dataclass(frozen=True, slots=True)
class CallerHours:
    """The hours of the days on which some callers had calls."""

    starts: Sequence[dt.datetime]
    members: Sequence[str]
    """Empty: all callers."""


def call_columns(others: Sequence[str] = ()) -> Sequence[str]:
    """Returns the select items of a call as it stands: of its record `u` and its correction `c`."""
    return [
        *(f"u.{name}" for name in _OF_RECORD),
        *(
            f"CASE WHEN c.hold_id IS NULL THEN u.{name} ELSE c.{name} END AS {name}"
            for name in (*_AS_IT_STANDS, *others)
        ),
        "c.sequence AS correction_sequence, c.delta_nano_credits AS correction_nano_credits",
    ]


def record_conditions(kept: Filter, reach: Reach, parameters: Parameters, path: str = "u.group_path") -> Iterable[str]:
    """Returns the conditions of a filter and a reach on a record `u`, its correction `c`, and the path of its member's groups."""
    return kept_conditions(_FILTERS, kept, reach, parameters, path=path, tags="u.tags")


def hours_statement(
    query: UsageQuery,
    position: Position,
    first: dt.datetime,
    last: dt.datetime,
    most: int,
    parameters: Parameters,
    callers: CallerHours | None = None,
) -> str:
    """Returns the statement for the latest hours, from one instant to another, that have calls of a question.

    Its columns: start of the hour, number of its calls. With `callers`, only their hours are looked up, one by one: the callers
    of a question are few, and the index begins with the hour.
    """
    source = Source.TAGGED_HOURS if query.filter.tags else Source.HOURS
    selection = Selection(query, choose(query, Granularity.HOUR), position, _span(query), (), ())
    conditions = [
        f"s.organization_id = {parameters.add(query.organization)}",
        f"s.generation = {parameters.add(position.generation)}",
        f"s.hour_start >= {parameters.add(first)}",
        f"s.hour_start <= {parameters.add(last)}",
        *conditions_of(selection, source, parameters),
    ]
    if callers is not None:
        # An array is looked up in the index; a join may read all hours.
        conditions.append(f"s.hour_start = ANY ({parameters.add(callers.starts)}::timestamptz[])")
        if callers.members:
            conditions.append(f"s.member_id = ANY ({parameters.add(callers.members)}::text[])")
    return f"""
    SELECT s.hour_start, sum(s.call_count + s.voided_call_count)::bigint AS calls
      FROM {source} s{joined_groups(query)} WHERE {" AND ".join(conditions)}
     GROUP BY s.hour_start HAVING sum(s.call_count + s.voided_call_count) > 0
     ORDER BY s.hour_start DESC LIMIT {parameters.add(most)}"""  # noqa: S608 - our own names, and values as parameters


def days_with_calls_statement(
    query: UsageQuery, position: Position, last: dt.datetime, most: int, parameters: Parameters
) -> str | None:
    """Returns the statement for the latest days, up to an instant, that have calls of a question.

    Its column: start of the day. None if days cannot tell.
    """
    choice = choose(query, Granularity.DAY)
    if Source.DAYS not in choice.sources:
        return None
    conditions = [
        f"s.organization_id = {parameters.add(query.organization)}",
        f"s.generation = {parameters.add(position.generation)}",
        f"s.day_start > {parameters.add(query.start)}::timestamptz - interval '25 hours'",
        f"s.day_start <= {parameters.add(last)}",
        *conditions_of(Selection(query, choice, position, _span(query), (), ()), Source.DAYS, parameters),
    ]
    return f"""
    SELECT DISTINCT s.day_start FROM usage_days s{joined_groups(query)} WHERE {" AND ".join(conditions)}
     ORDER BY s.day_start DESC LIMIT {parameters.add(most)}"""  # noqa: S608 - our own names, and values as parameters


def tag_days_statement(
    query: UsageQuery, position: Position, last: dt.datetime, most: int, parameters: Parameters
) -> str:
    """Returns the statement for the latest days, up to an instant, on which calls had the tags of a question's filter.

    Its column: start of the day. Not every tag need have been that of the same call.
    """
    days = " INTERSECT ".join(
        f"SELECT day_start FROM usage_tag_days WHERE organization_id = {parameters.add(query.organization)}"  # noqa: S608 - our own names
        f" AND generation = {parameters.add(position.generation)} AND name = {parameters.add(name)}"
        f" AND value = ANY ({parameters.add(values)}::text[])"
        f" AND day_start > {parameters.add(query.start)}::timestamptz - interval '25 hours' AND day_start <= {parameters.add(last)}"
        for name, values in values_by_tag(query.filter).items()
    )
    return f"SELECT DISTINCT day_start FROM ({days}) AS days ORDER BY day_start DESC LIMIT {parameters.add(most)}"  # noqa: S608 - our own names


def days_statement(
    query: UsageQuery, position: Position, last: dt.datetime, most: int, parameters: Parameters
) -> str | None:
    """Returns the statement for the latest days, up to an instant, on which the callers of a question had calls.

    Its columns: start of the day, the members whose calls they are. None if the question is about every caller.
    """
    kept, reach = query.filter, query.reach
    members = kept.members | ({reach.member} if reach.member else set())
    if not kept.api_keys and not members:
        return None
    kind, ids = ("api_key", kept.api_keys) if kept.api_keys else ("member", members)
    return f"""
    SELECT day_start, array_agg(DISTINCT member_id) AS members FROM usage_days
     WHERE organization_id = {parameters.add(query.organization)} AND generation = {parameters.add(position.generation)}
       AND scope_kind = {parameters.add(kind)} AND scope_id = ANY ({parameters.add(sorted(ids))}::text[])
       AND day_start > {parameters.add(query.start)}::timestamptz - interval '25 hours' AND day_start <= {parameters.add(last)}
     GROUP BY day_start ORDER BY day_start DESC LIMIT {parameters.add(most)}"""  # noqa: S608 - our own names


def _span(query: UsageQuery) -> Piece:
    return Piece(Source.RECORDS, query.start, query.end)
