"""Builds the statement that answers a query: one SELECT for each piece of the range, added up, ranked and cut."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.analytics.kept_conditions import kept_conditions
from admin_service.analytics.query import (
    AnyDimension,
    Dimension,
    Metric,
    TagDimension,
    Tree,
    UsageQuery,
)
from admin_service.analytics.rollup_choice import GROUP_LEVELS, Choice
from admin_service.analytics.time_ranges import Piece, Source
from admin_service.listing.sql_parameters import Parameters
from gateway_core.model.usage_measures import (
    COUNT_COLUMNS,
    INPUT_TOKEN_COLUMNS,
    LATENCY_COLUMNS,
    OUTPUT_TOKEN_COLUMNS,
    running_column,
)
from gateway_core.stores.postgres.usage_sums import measures_of_facts, with_latency_buckets

_COLUMNS_OF_METRICS: Final[Mapping[Metric, Sequence[str]]] = {
    Metric.TOKENS: (*INPUT_TOKEN_COLUMNS, *OUTPUT_TOKEN_COLUMNS),
    Metric.INPUT_TOKENS: INPUT_TOKEN_COLUMNS,
    Metric.OUTPUT_TOKENS: OUTPUT_TOKEN_COLUMNS,
    Metric.SAVINGS: ("baseline_nano_credits", "charge_nano_credits"),
}
_TIMES: Final = {
    Source.RECORDS: "place_time",
    Source.HOURS: "hour_start",
    Source.TAGGED_HOURS: "hour_start",
    Source.DAYS: "day_start",
    Source.MONTHS: "month_start",
    Source.RUNNING_TOTALS: "month_start",
    Source.YEAR_TOTALS: "year",
}
_TOKENS: Final = "tokens"
"""Not a column of most rows, but what callers are ranked by."""
_BY_CALLER: Final = frozenset({Source.DAYS, Source.RUNNING_TOTALS, Source.YEAR_TOTALS})
ONLY_CHARGE: Final = ("call_count", "voided_call_count", "charge_nano_credits")
_SCOPE_KINDS: Final[Mapping[AnyDimension, str]] = {Dimension.MEMBER: "member", Dimension.API_KEY: "api_key"}
_WITH_TAGS: Final = frozenset({Source.RECORDS, Source.TAGGED_HOURS})
_COLUMNS: Final[Mapping[AnyDimension, str]] = {
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
    hours_from: dt.datetime
    """Hours before it were dropped."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the statement reads and how it divides it."""

    query: UsageQuery
    choice: Choice
    position: Position
    span: Piece
    """The whole range, as records."""
    pieces: Sequence[Piece]
    """The parts of the range that are read from rollups, or from records up to their position."""
    bucket_starts: Sequence[dt.datetime]
    tagged: Sequence[Piece] = ()
    """The hours of tagged calls, if the query divides by tags. In `pieces`, no call has tags. So each call here counts with its
    tags, and is taken back without them."""

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of the measures."""
        counts = ONLY_CHARGE if self.query.only_charge else COUNT_COLUMNS
        return (*counts, *LATENCY_COLUMNS) if self.query.with_latencies else counts


def ranked_statement(selection: Selection, parameters: Parameters) -> str:
    """Returns the statement for the first groups by the query's order, and the sum of the others.

    Its columns: rank (NULL: all others), bucket, values, number of groups, measures. A first group may have several rows for a
    bucket, one for each part of the range in it: most have one, and adding up thousands again would take as long as reading them.
    """
    query = selection.query
    values = _names(query.group_by)
    joined = f"USING ({', '.join(values)})" if values else "ON true"
    limit = parameters.add(query.limit)
    return f"""
    WITH grouped AS MATERIALIZED ({_grouped(selection, parameters)}),
    ranked AS (
        SELECT {_listed(values)}
               row_number() OVER (ORDER BY bigint_sum({_metric(query)}) DESC {"".join(f", {name}" for name in values)}) AS place,
               count(*) OVER () AS group_count
          FROM grouped {f"GROUP BY {', '.join(values)}" if values else ""}
        HAVING bigint_sum(call_count + voided_call_count) > 0
    )
    SELECT place, bucket, {_listed(values)} group_count, {_counted(selection.measures)} FROM grouped JOIN ranked {joined}
     WHERE place <= {limit}
     UNION ALL
    SELECT NULL, bucket, {_listed("''" for _ in values)} min(group_count), {_sums(selection.measures)}
      FROM grouped JOIN ranked {joined} WHERE place > {limit} GROUP BY bucket"""  # noqa: S608 - our own names, and values as parameters


def ranking_statement(selection: Selection, parameters: Parameters) -> str:
    """Returns the statement for the values of the first groups by the query's order. Its columns: values, number of all groups."""
    query = selection.query
    values = ", ".join(_names(query.group_by))
    grouped = added_up(selection, query.group_by, ranked_measures(query), parameters)
    metric = _TOKENS if query.order_by is Metric.TOKENS else _metric(query)
    # A window function would cost each caller more than reading them a second time does.
    return f"""
    WITH grouped AS MATERIALIZED (SELECT * FROM ({grouped}) AS added WHERE call_count + voided_call_count > 0)
    SELECT {values}, (SELECT count(*) FROM grouped) AS group_count FROM grouped
     ORDER BY {metric} DESC, {values} LIMIT {parameters.add(query.limit)}"""  # noqa: S608 - our own names, and values as parameters


def ranked_measures(query: UsageQuery) -> Sequence[str]:
    """Returns the measures that decide which groups there are, and their order."""
    of_metric = (_TOKENS,) if query.order_by is Metric.TOKENS else _columns_of_metric(query)
    return list(dict.fromkeys(("call_count", "voided_call_count", *of_metric)))


def added_up(
    selection: Selection, group_by: Sequence[AnyDimension], measures: Sequence[str], parameters: Parameters
) -> str:
    """Returns the sums by the values alone. Rows of rollups are grouped once, because callers have hundreds of thousands."""
    values, rows = ", ".join(_names(group_by)), _grouped(selection, parameters, measures, adds_up=False)
    return f"SELECT {values}, {_sums(measures)} FROM ({rows}) AS parts GROUP BY {values}"  # noqa: S608 - our own names


def matching_statement(selection: Selection, shown: Sequence[Sequence[str]], parameters: Parameters) -> str:
    """Returns the statement for the given groups, and the sum of the others.

    Its columns: place of the group from 1 on (NULL: all others), bucket, measures.
    """
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
    SELECT place, bucket, {_sums(selection.measures)} FROM grouped {joined} GROUP BY place, bucket"""  # noqa: S608


def joined_groups(query: UsageQuery) -> str:
    """Returns the join with the present group of each member, if the query needs it."""
    if query.tree is Tree.AS_IT_IS and _uses_path(query):
        return " LEFT JOIN members present ON present.organization_id = s.organization_id AND present.member_id = s.member_id"
    return ""


def _grouped(
    selection: Selection, parameters: Parameters, measures: Sequence[str] | None = None, *, adds_up: bool = True
) -> str:
    """Returns the sums of each part by bucket and values. Whoever reads them adds them up.

    Args:
        selection: what to read.
        parameters: receives the values.
        measures: which ones; None stands for all.
        adds_up: if False, the rows of rollups are returned as they are.
    """
    added = selection.measures if measures is None else measures
    parts = [
        _part(selection, piece, _of_piece(piece, selection, parameters), parameters, added, adds_up=adds_up)
        for piece in selection.pieces
    ]
    parts += [
        _part(
            selection,
            piece,
            _of_piece(piece, selection, parameters),
            parameters,
            added,
            takes_back=True,
            adds_up=adds_up,
        )
        for piece in selection.tagged
    ]
    if selection.position.head > selection.position.rolled:
        # Literals tell PostgreSQL that these are few. For any two numbers, it may read all records of the range by their time.
        tail = f"sequence > {int(selection.position.rolled)} AND sequence <= {int(selection.position.head)}"
        parts.append(_part(selection, selection.span, tail, parameters, added))
    return " UNION ALL ".join(parts or [_nothing(selection.query, added)])


def _nothing(query: UsageQuery, measures: Sequence[str]) -> str:
    columns = (
        "1 AS bucket",
        *(f"'' AS {name}" for name in _names(query.group_by)),
        *(f"0 AS {name}" for name in measures),
    )
    return f"SELECT {', '.join(columns)} WHERE false"


def _of_piece(piece: Piece, selection: Selection, parameters: Parameters) -> str:
    """Returns which rows of a source belong to the state that the rollups have reached."""
    if piece.source is Source.RECORDS:
        return f"sequence <= {parameters.add(selection.position.rolled)}"
    return f"generation = {parameters.add(selection.position.generation)}"


def _part(
    selection: Selection,
    piece: Piece,
    condition: str,
    parameters: Parameters,
    measures: Sequence[str],
    *,
    takes_back: bool = False,
    adds_up: bool = True,
) -> str:
    """Returns the sums of a piece. If it `takes_back`, they are those of its calls with tags less the same without tags."""
    query, time = selection.query, _TIMES[piece.source]
    conditions = [
        f"s.organization_id = {parameters.add(query.organization)}",
        condition,
        f"s.{time} >= {parameters.add(piece.start)} AND s.{time} < {parameters.add(piece.end)}"
        if piece.numbered is None
        else f"s.{time} = {parameters.add(piece.numbered.period)}",
        *conditions_of(selection, piece.source, parameters),
    ]
    bucket = "1"
    if len(selection.bucket_starts) > 1:
        bucket = f"width_bucket(s.{time}, {parameters.add(selection.bucket_starts)}::timestamptz[])"
    source = f"{piece.source} s{joined_groups(query)}"
    values = [
        f"{_value(dimension, selection, piece.source, parameters, takes_back=takes_back)} AS {name}"
        for dimension, name in zip(query.group_by, _names(query.group_by), strict=True)
    ]
    of_facts = piece.source is Source.RECORDS
    if takes_back:
        source += " CROSS JOIN (VALUES (1), (-1)) AS side (sign)"
    columns = ", ".join(_columns(piece, measures, takes_back=takes_back))
    rows = f"SELECT {bucket} AS bucket, {_listed(values)} {columns} FROM {source} WHERE {' AND '.join(conditions)}"  # noqa: S608
    if of_facts and not set(measures).isdisjoint(LATENCY_COLUMNS):
        rows = with_latency_buckets(rows)
    factor = "sign * " if takes_back else ""
    grouping = ", ".join(("bucket", *_names(query.group_by)))
    if not adds_up and not of_facts:
        return f"SELECT {grouping}, {', '.join(f'{factor}{name} AS {name}' for name in measures)} FROM ({rows}) AS rows"  # noqa: S608
    sums = measures_of_facts(measures) if of_facts else _sums(measures, factor)
    return f"SELECT {grouping}, {sums} FROM ({rows}) AS rows GROUP BY {grouping}"  # noqa: S608


def _columns(piece: Piece, measures: Sequence[str], *, takes_back: bool) -> Iterable[str]:
    """Yields the columns that the rows `s` of a piece need besides bucket and values."""
    if piece.numbered is not None:
        for name in measures:
            last, before = running_column(name, piece.numbered.last), running_column(name, piece.numbered.before)
            less = f" - coalesce(s.{before}, 0)" if piece.numbered.before else ""
            yield f"coalesce(s.{last}, 0){less} AS {name}"
        return
    yield "s.*"
    if _TOKENS in measures:
        yield f"{' + '.join(f's.{name}' for name in (*INPUT_TOKEN_COLUMNS, *OUTPUT_TOKEN_COLUMNS))} AS {_TOKENS}"
    if takes_back:
        yield "side.sign"


def conditions_of(selection: Selection, source: Source, parameters: Parameters) -> Iterable[str]:
    """Yields the conditions that keep the rows `s` of a source that a question is about, apart from the range of time."""
    query = selection.query
    scope = (
        selection.choice.day_scope
        if source in _BY_CALLER
        else selection.choice.month_scope
        if source is Source.MONTHS
        else None
    )
    if scope is not None:
        yield f"s.scope_kind = {parameters.add(scope[0])}"
        if scope[1] is not None:
            yield f"s.scope_id = {parameters.add(scope[1])}"
    if source is Source.DAYS and scope == ("member", None) and selection.choice.month_scope[0] == "group":
        yield _with_calls_in_group(selection, parameters)
    # The same id, but the index begins with this column.
    member = "s.scope_id" if source in _BY_CALLER and selection.choice.day_scope[0] == "member" else "s.member_id"
    columns = {
        "members": member,
        "api_keys": "s.scope_id" if scope is not None else "s.api_key_id",
        "models": "s.model",
        "providers": "s.provider_id",
        "endpoints": "s.endpoint",
        "statuses": "s.status",
    }
    # Rows of a group are of its whole subtree.
    path = None if scope is not None and scope[0] == "group" else _path(query)
    yield from kept_conditions(columns, query.filter, query.reach, parameters, path=path, tags="s.tags")


def _with_calls_in_group(selection: Selection, parameters: Parameters) -> str:
    """Returns the condition for the members who had calls in the query's one group in the months of the range.

    It keeps no row that the path of the group does not keep. But members are looked up, and paths are not.
    """
    span, scope = selection.span, selection.choice.month_scope
    return (
        "s.scope_id = ANY (ARRAY(SELECT DISTINCT m.member_id FROM usage_months m"  # noqa: S608 - our own names
        " WHERE (m.organization_id, m.generation, m.scope_kind, m.scope_id) = "
        f"({', '.join(map(parameters.add, (selection.query.organization, selection.position.generation, *scope)))})"
        f" AND m.month_start > {parameters.add(span.start)}::timestamptz - interval '32 days'"
        f" AND m.month_start < {parameters.add(span.end)}))"
    )


def _value(
    dimension: AnyDimension, selection: Selection, source: Source, parameters: Parameters, *, takes_back: bool
) -> str:
    if isinstance(dimension, TagDimension):
        if source not in _WITH_TAGS:
            return "''"
        value = f"coalesce(s.tags ->> {parameters.add(dimension.name)}, '')"
        return f"CASE WHEN side.sign > 0 THEN {value} ELSE '' END" if takes_back else value
    if source in _BY_CALLER and _SCOPE_KINDS.get(dimension) == selection.choice.day_scope[0]:
        # The same id, and an index of days has it.
        return "s.scope_id"
    if source is Source.MONTHS and dimension is Dimension.API_KEY:
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


def _columns_of_metric(query: UsageQuery) -> Sequence[str]:
    return _COLUMNS_OF_METRICS.get(query.order_by, (query.order_by.value,))


def _metric(query: UsageQuery) -> str:
    return (" - " if query.order_by is Metric.SAVINGS else " + ").join(_columns_of_metric(query))


def _names(group_by: Sequence[AnyDimension]) -> list[str]:
    return [f"value_{number}" for number in range(1, len(group_by) + 1)]


def _listed(items: Iterable[str]) -> str:
    """Returns select items that another one follows."""
    return "".join(f"{item}, " for item in items)


def _counted(names: Iterable[str]) -> str:
    """Returns the select list of measures that need no adding up."""
    return ", ".join(f"coalesce({name}, 0) AS {name}" if name in LATENCY_COLUMNS else name for name in names)


def _sums(names: Iterable[str], factor: str = "") -> str:
    return ", ".join(f"coalesce(bigint_sum({factor}{name}), 0) AS {name}" for name in names)
