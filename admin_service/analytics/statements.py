"""Builds the statement that answers a query: one SELECT for each piece of the range, added up, ranked and cut."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.analytics.query import Dimension, Metric, Tree, UsageQuery
from admin_service.analytics.rollup_choice import GROUP_LEVELS, Choice
from admin_service.analytics.time_ranges import Piece, Source
from admin_service.listing.sql_parameters import Parameters
from gateway_core.model.usage_measures import (
    COUNT_COLUMNS,
    INPUT_TOKEN_COLUMNS,
    LATENCY_COLUMNS,
    OUTPUT_TOKEN_COLUMNS,
)
from gateway_core.stores.postgres.usage_sums import measures_of_facts, with_latency_buckets

_INPUT: Final = " + ".join(INPUT_TOKEN_COLUMNS)
_OUTPUT: Final = " + ".join(OUTPUT_TOKEN_COLUMNS)
_METRICS: Final = {
    Metric.TOKENS: f"{_INPUT} + {_OUTPUT}",
    Metric.INPUT_TOKENS: _INPUT,
    Metric.OUTPUT_TOKENS: _OUTPUT,
    Metric.SAVINGS: "baseline_nano_credits - charge_nano_credits",
}
_TIMES: Final = {
    Source.RECORDS: "place_time",
    Source.HOURS: "hour_start",
    Source.DAYS: "day_start",
    Source.MONTHS: "month_start",
}
_COLUMNS: Final = {
    Dimension.MODEL: "s.model",
    Dimension.PROVIDER: "s.provider_id",
    Dimension.ENDPOINT: "s.endpoint",
    Dimension.STATUS: "s.status",
    Dimension.MEMBER: "s.member_id",
    Dimension.API_KEY: "s.api_key_id",
}


@dataclass(frozen=True, slots=True)
class Position:
    """The generation of rollups that is read, and the numbers of the ledger."""

    generation: int | None
    """None if there are no rollups yet."""
    rolled: int
    """The last event in the rollups."""
    head: int
    """The last event of the ledger."""
    days_until: dt.datetime
    """The instant before which hours are in days and months."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the statement reads and how it divides it."""

    query: UsageQuery
    choice: Choice
    position: Position
    pieces: Sequence[Piece]
    bucket_starts: Sequence[dt.datetime]

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of the measures."""
        return (*COUNT_COLUMNS, *LATENCY_COLUMNS) if self.query.with_latencies else COUNT_COLUMNS

    @property
    def span(self) -> Piece:
        """The whole range, as records."""
        return Piece(Source.RECORDS, self.pieces[0].start, self.pieces[-1].end)


def ranked_statement(selection: Selection, parameters: Parameters) -> str:
    """Returns the statement for the first groups by the query's order, and the sum of the others.

    Its columns: rank (NULL: all others), bucket, values, number of groups, measures.
    """
    query = selection.query
    metric = _METRICS.get(query.order_by, query.order_by.value)
    values = _names(query.group_by)
    return f"""
    WITH grouped AS ({_grouped(selection, parameters)}),
    ranked AS (
        SELECT {_listed(values)} row_number() OVER (ORDER BY sum({metric}) DESC {"".join(f", {name}" for name in values)}) AS place,
               count(*) OVER () AS group_count
          FROM grouped {_group_by(values)}
        HAVING sum(call_count + voided_call_count) > 0
    )
    SELECT CASE WHEN place <= {parameters.add(query.limit)} THEN place END AS shown, bucket,
           {_listed(f"min({name}) AS {name}" for name in values)} min(group_count) AS group_count, {_sums(selection.measures)}
      FROM grouped JOIN ranked {f"USING ({', '.join(values)})" if values else "ON true"}
     GROUP BY 1, 2 ORDER BY 1 NULLS LAST, 2"""  # noqa: S608 - our own names, and values as parameters


def matching_statement(selection: Selection, shown: Sequence[Sequence[str]], parameters: Parameters) -> str:
    """Returns the statement for the given groups, and the sum of the others. Its columns: index of the group or NULL, measures."""
    values = _names(selection.query.group_by)
    columns = [
        parameters.add([group[index] for group in shown]) + "::text[]" for index in range(len(selection.query.group_by))
    ]
    joined = (
        f"LEFT JOIN unnest({', '.join(columns)}) WITH ORDINALITY AS shown ({', '.join(values)}, place)"
        f" USING ({', '.join(values)})"
        if values
        else "CROSS JOIN (SELECT 1 AS place) AS shown"
    )
    return f"""
    WITH grouped AS ({_grouped(selection, parameters)})
    SELECT place, {_sums(selection.measures)} FROM grouped {joined} GROUP BY place"""  # noqa: S608


def member_counts_statement(selection: Selection, parameters: Parameters) -> str:
    """Returns the statement that counts values of the second dimension with counted calls, by the first one and (NULL) in all."""
    return f"""
    WITH grouped AS ({_grouped(selection, parameters)}),
    used AS (SELECT value_1, value_2 FROM grouped GROUP BY value_1, value_2 HAVING sum(call_count) > 0)
    SELECT value_1, count(DISTINCT value_2) FROM used GROUP BY GROUPING SETS ((value_1), ())"""  # noqa: S608


def _grouped(selection: Selection, parameters: Parameters) -> str:
    values = _names(selection.query.group_by)
    parts = [_part(selection, piece, _of_piece(piece, selection, parameters), parameters) for piece in selection.pieces]
    if selection.position.head > selection.position.rolled:
        tail = f"sequence > {parameters.add(selection.position.rolled)} AND sequence <= {parameters.add(selection.position.head)}"
        parts.append(_part(selection, selection.span, tail, parameters))
    together = " UNION ALL ".join(parts)
    return (
        f"SELECT bucket, {_listed(values)} {_sums(selection.measures)} FROM ({together}) AS parts"  # noqa: S608
        f" GROUP BY bucket{''.join(f', {name}' for name in values)}"
    )


def _of_piece(piece: Piece, selection: Selection, parameters: Parameters) -> str:
    """Returns which rows of a source belong to the state that the rollups have reached."""
    if piece.source is Source.RECORDS:
        return f"sequence <= {parameters.add(selection.position.rolled)}"
    return f"generation = {parameters.add(selection.position.generation)}"


def _part(selection: Selection, piece: Piece, condition: str, parameters: Parameters) -> str:
    query, time = selection.query, _TIMES[piece.source]
    conditions = [
        f"s.organization_id = {parameters.add(query.organization)}",
        condition,
        f"s.{time} >= {parameters.add(piece.start)} AND s.{time} < {parameters.add(piece.end)}",
        *_conditions(selection, piece.source, parameters),
    ]
    bucket = "1"
    if len(selection.bucket_starts) > 1:
        bucket = f"width_bucket(s.{time}, {parameters.add(selection.bucket_starts)}::timestamptz[])"
    source = f"{piece.source} s"
    if query.tree is Tree.AS_IT_IS and _uses_path(query):
        source += " LEFT JOIN members present ON present.organization_id = s.organization_id AND present.member_id = s.member_id"
    values = [
        f"{_value(dimension, selection, piece.source)} AS {name}"
        for dimension, name in zip(query.group_by, _names(query.group_by), strict=True)
    ]
    of_facts = piece.source is Source.RECORDS
    rows = f"SELECT {bucket} AS bucket, {_listed(values)} s.* FROM {source} WHERE {' AND '.join(conditions)}"  # noqa: S608
    if of_facts and selection.query.with_latencies:
        rows = with_latency_buckets(rows)
    sums = measures_of_facts(selection.measures) if of_facts else _sums(selection.measures)
    grouping = "".join(f", {name}" for name in _names(query.group_by))
    return f"SELECT bucket{grouping}, {sums} FROM ({rows}) AS rows GROUP BY bucket{grouping}"  # noqa: S608


def _conditions(selection: Selection, source: Source, parameters: Parameters) -> Iterable[str]:
    query, kept = selection.query, selection.query.filter
    scope = {Source.DAYS: selection.choice.day_scope, Source.MONTHS: selection.choice.month_scope}.get(source)
    if scope is not None:
        yield f"s.scope_kind = {parameters.add(scope[0])}"
        if scope[1] is not None:
            yield f"s.scope_id = {parameters.add(scope[1])}"
    api_key = "s.scope_id" if source is Source.DAYS else "s.api_key_id"
    # The same id, but the index begins with this column.
    member = "s.scope_id" if source is Source.DAYS and selection.choice.day_scope[0] == "member" else "s.member_id"
    for column, allowed in (
        (member, kept.members),
        (api_key, kept.api_keys),
        ("s.model", kept.models),
        ("s.provider_id", kept.providers),
        ("s.endpoint", kept.endpoints),
        ("s.status", kept.statuses),
    ):
        if allowed:
            yield f"{column} = ANY ({parameters.add(sorted(allowed))}::text[])"
    if query.reach.member is not None:
        yield f"{member} = {parameters.add(query.reach.member)}"
    if scope is not None and scope[0] == "group":
        return
    path = _path(query)
    if kept.groups:
        yield f"{path} && {parameters.add(sorted(kept.groups))}::text[]"
    if query.reach.group is not None:
        yield f"{parameters.add(query.reach.group)} = ANY ({path})"


def _value(dimension: Dimension, selection: Selection, source: Source) -> str:
    if dimension is Dimension.API_KEY and source is Source.DAYS:
        return "s.scope_id"
    if dimension in _COLUMNS:
        return _COLUMNS[dimension]
    path = _path(selection.query)
    level = GROUP_LEVELS.get(dimension)
    return f"coalesce(({path})[{f'cardinality({path})' if level is None else level}], '')"


def _path(query: UsageQuery) -> str:
    return "coalesce(present.group_path, '{}')" if query.tree is Tree.AS_IT_IS else "s.group_path"


def _uses_path(query: UsageQuery) -> bool:
    return bool(
        query.filter.groups
        or query.reach.group
        or any(dimension is Dimension.GROUP or dimension in GROUP_LEVELS for dimension in query.group_by)
    )


def _names(group_by: Sequence[Dimension]) -> list[str]:
    return [f"value_{number}" for number in range(1, len(group_by) + 1)]


def _listed(items: Iterable[str]) -> str:
    """Returns select items that another one follows."""
    return "".join(f"{item}, " for item in items)


def _group_by(values: Sequence[str]) -> str:
    return f"GROUP BY {', '.join(values)}" if values else ""


def _sums(names: Iterable[str]) -> str:
    return ", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in names)
