"""Lists in the order of what their rows did: spend, calls, last use, number of keys.

The tables `standings` and `key_counts` keep the orders. Each has one row for each listed resource, and an index for each order.
Each cycle has its own present period, so a page merges one range of an index for each cycle. Nothing is written when a period
ends: a row whose period is over counts as 0. Such rows follow each other by the period and the figure in which they last had one.

usage_service keeps `standings` about a second behind settlement. So the order is that of a second ago, and the figures of the rows
are exact.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from admin_service.api.errors import FieldViolation, invalid_fields
from admin_service.listing.orders import MAX_ORDER_BYTES, SortColumn, SortKey, only_field, order_sql
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import (
    DEFAULT_PAGE_SIZE,
    MAX_PAGE_SIZE,
    Listing,
    ListQuery,
    ListRequest,
    arguments_of,
    bounds_of,
    last_values,
)
from admin_service.listing.sql_parameters import Condition, Parameters
from gateway_core.model.limits.cycles import Cycle
from gateway_core.stores.postgres.connections import Connection

Row = TypeVar("Row")
Starts = Mapping[Cycle, int]
"""When the present period of each cycle began, in epoch seconds."""

_STARTS: Final = """
SELECT extract(epoch FROM cycle_start('DAILY', time_zone))::bigint, extract(epoch FROM cycle_start('WEEKLY', time_zone))::bigint,
       extract(epoch FROM cycle_start('MONTHLY', time_zone))::bigint
  FROM organizations WHERE organization_id = $1
"""


@dataclass(frozen=True, slots=True)
class Ranking:
    """An order that a table keeps. All SQL in it is trusted."""

    table: str
    kind: str
    """Of the rows in the table."""
    listed: str
    """The name of the listed table in the list's source, such as `m`."""
    id: str
    """The column of the listed table that has the id, such as `member_id`."""
    figure: SortColumn
    """The column of the table, which is `t`."""
    is_periodic: bool = False
    """Whether the figure is that of a period."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows are listed."""

    organization: str
    rows: Sequence[Condition]
    """Conditions on rows of the table, `t`, or if `is_joined` on rows of the list's source."""
    with_removed: bool
    is_joined: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """A ranking and its direction."""

    ranking: Ranking
    is_descending: bool


def ranking_of(order_by: str, rankings: Mapping[str, Ranking], orders: Mapping[str, SortColumn]) -> Ranked | None:
    """Returns the ranking that has this order, or None if it has no figure of a ranking.

    Rows with one figure are in the order of their names, in the same direction. No table keeps a figure beside another field.

    Args:
        order_by: of the request.
        rankings: by the field of their figure.
        orders: the other fields of the list.

    Raises:
        AdminError: INVALID_ARGUMENT for an order that is malformed, or has a figure and another field.
    """
    fields = [only_field(part) for part in order_by.split(",")]
    if not order_by or not any(field and field[0] in rankings for field in fields):
        _require_known(order_by, fields, {*rankings, *orders})
        return None
    first, *others = fields
    if first and first[0] in rankings and others in ([], [("name", first[1])]):
        return Ranked(rankings[first[0]], first[1])
    _require_known(order_by, fields, {*rankings, *orders})
    figure = next(field[0] for field in fields if field and field[0] in rankings)
    message = f"has {figure} and another field; use {figure} alone: rows with the same value follow each other by name"
    raise invalid_fields(FieldViolation("order_by", message))


def _require_known(order_by: str, fields: Sequence[tuple[str, bool] | None], known: Collection[str]) -> None:
    """Raises INVALID_ARGUMENT for a field that the list does not have. The list itself knows only those without a figure."""
    for text, field in zip(order_by.split(",") if order_by else (), fields, strict=False):
        if field is None or field[0] not in known:
            message = (
                f"has {text.strip()[:MAX_ORDER_BYTES]!r}; use {', '.join(sorted(known))}, each with or without ` desc`"
            )
            raise invalid_fields(FieldViolation("order_by", message))


async def _present_starts(connection: Connection, organization: str) -> Starts:
    """Returns when the present period of each cycle began in the organization's time zone, in epoch seconds."""
    row = await connection.fetchrow(_STARTS, organization)
    daily, weekly, monthly = row or (0, 0, 0)
    return {Cycle.NEVER: 0, Cycle.DAILY: daily, Cycle.WEEKLY: weekly, Cycle.MONTHLY: monthly}


async def ranked_query(
    connection: Connection,
    listing: Listing[Row],
    ranked: Ranked,
    request: ListRequest,
    page_tokens: PageTokens,
    scope: Scope,
) -> ListQuery[Row]:
    """Returns the query for a request in the order of a ranking, as `Listing.query`. `connection` knows which periods run.

    Raises:
        AdminError: as from `Listing.query`.
    """
    ranking, is_descending = ranked.ranking, ranked.is_descending
    keys = _keys(ranking, is_descending=is_descending)
    parameters, violations = Parameters(), list(bounds_of(request))
    organization = parameters.add(scope.organization)
    wheres = [f"t.organization_id = {organization}", f"t.kind = '{ranking.kind}'"]
    wheres += [condition.sql(parameters) for condition in scope.rows]
    filtered = listing.filter_of(getattr(request, "filter", ""), parameters, scope.organization, violations)
    if violations:
        raise invalid_fields(*violations)
    arguments = arguments_of(request)
    last: Sequence[Any] = ()
    if request.page_token:
        last = last_values(request.page_token, page_tokens, arguments, keys)
    size = min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
    most = parameters.add(size + 1)
    source, own = f"{ranking.table} t", f"{ranking.listed}.{ranking.id}"
    if filtered or scope.is_joined:
        source = f"{source}, {listing.source_of_filters}"
        wheres += [*filtered, f"{own} = t.id", f"{ranking.listed}.organization_id = {organization}"]
    starts = await _present_starts(connection, scope.organization) if ranking.is_periodic else {}
    branches = " UNION ALL ".join(
        branch.sql(source, wheres, parameters, last, is_descending=is_descending) + f" LIMIT {most})"
        for branch in _branches(ranking, starts, with_removed=scope.with_removed)
    )
    names = [f"page.{name}" for name in (_PERIODIC_KEYS if ranking.is_periodic else _KEYS)]
    order = order_sql([SortKey(SortColumn(name), is_descending) for name in names])
    statement = (
        f"SELECT {listing.columns}, {', '.join(names)}"  # noqa: S608 - trusted SQL, see `Listing`
        f" FROM (SELECT * FROM ({branches}) AS page ORDER BY {order} LIMIT {most}) AS page, {listing.source}"
        f" WHERE {own} = page.id AND {ranking.listed}.organization_id = {organization}"
        f" ORDER BY {order}"
    )
    return ListQuery(
        statement, parameters.values, size, len(keys), listing.make, lambda last: page_tokens.encode(last, arguments)
    )


_KEYS: Final = ("figure", "id")
_PERIODIC_KEYS: Final = ("figure", "earlier_start", "earlier_figure", "id")
"""Rows without a figure in the present period follow each other by their earlier one."""


def _keys(ranking: Ranking, *, is_descending: bool) -> Sequence[SortKey]:
    """Returns the keys of the merged order."""
    earlier = (SortColumn("earlier_start", "bigint"), SortColumn("earlier_figure", "bigint"))
    columns = (ranking.figure, *(earlier if ranking.is_periodic else ()), SortColumn("t.id"))
    return [SortKey(column, is_descending) for column in columns]


@dataclass(frozen=True, slots=True)
class _Branch:
    """One range of an index: rows of one cycle if the figure is of a period, removed or not."""

    ranking: Ranking
    is_removed: bool
    cycle: Cycle | None
    start: int

    def sql(
        self,
        source: str,
        wheres: Sequence[str],
        parameters: Parameters,
        last: Sequence[Any],
        *,
        is_descending: bool,
    ) -> str:
        """Returns the SELECT up to its LIMIT, with an open parenthesis before it."""
        figure, direction = self.ranking.figure, " DESC" if is_descending else ""
        wheres = [*wheres, "t.is_removed" if self.is_removed else "NOT t.is_removed"]
        selected, ordered = f"{figure.expression} AS figure", [figure.expression, "t.id"]
        if self.cycle is not None:
            wheres.append(f"t.cycle = '{self.cycle}'")
            start = f"{parameters.add(self.start)}::bigint"
            # A period may begin between this query's look at the clock and its read.
            has_figure = f"t.period_start >= {start} AND {figure.expression} > 0"
            selected = ", ".join(
                (
                    f"CASE WHEN {has_figure} THEN {figure.expression} ELSE 0 END AS figure",
                    f"CASE WHEN {has_figure} THEN 0 ELSE t.period_start END AS earlier_start",
                    f"CASE WHEN {has_figure} THEN 0 ELSE {figure.expression} END AS earlier_figure",
                )
            )
            ordered = ["t.period_start", figure.expression, "t.id"]
        if last:
            kinds = ("bigint", "bigint", "text") if self.cycle is not None else (figure.kind, "text")
            bound = ", ".join(
                f"{parameters.add(value)}::{kind}" for value, kind in zip(self._bound(last), kinds, strict=True)
            )
            wheres.append(f"({', '.join(ordered)}) {'<' if is_descending else '>'} ({bound})")
        order = ", ".join(f"{column}{direction}" for column in ordered)
        return f"(SELECT {selected}, t.id AS id FROM {source} WHERE {' AND '.join(wheres)} ORDER BY {order}"  # noqa: S608

    def _bound(self, last: Sequence[Any]) -> tuple[Any, ...]:
        """Returns where the branch goes on behind the last row of all branches, in its own columns."""
        if self.cycle is None:
            return tuple(last)
        figure, earlier_start, earlier_figure, last_id = last
        if figure > 0:
            return self.start, figure, last_id
        # The rows without a figure in the present period are before this in the index, and those with one after it.
        return min((self.start, 1, ""), (earlier_start, earlier_figure, last_id))


def _branches(ranking: Ranking, starts: Starts, *, with_removed: bool) -> Sequence[_Branch]:
    removed = (False, True) if with_removed else (False,)
    if not ranking.is_periodic:
        return [_Branch(ranking, is_removed, None, 0) for is_removed in removed]
    return [_Branch(ranking, is_removed, cycle, starts[cycle]) for is_removed in removed for cycle in starts]
