"""How all lists are read: filtered, ordered, page by page (AIP-158, 160, 132).

A page starts after the last row of the previous page (keyset), so every page costs the same if an index has the order:
`(organization_id, <columns of the order>, <unique column>)`. Callers who see only a subtree need one more index for each level of
groups, see `subtrees`. Rows that are added or removed between pages shift nothing. A row whose order columns change in between may
appear twice or not at all, so by default lists are ordered only by columns that do not change.
"""

import copy
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.permissions import Permission
from admin_service.api.errors import AdminError, FieldViolation, invalid_fields, permission_denied
from admin_service.listing.filter_sql import Fields, ForeignNameError, filter_sql
from admin_service.listing.filters import FilterError, parse_filter
from admin_service.listing.orders import OrderError, SortColumn, SortKey, after_sql, order_sql, parse_order
from admin_service.listing.page_tokens import MAX_TOKEN_BYTES, PageTokenError, PageTokens
from admin_service.listing.sql_parameters import Condition, Parameters
from gateway_core.stores.postgres.connections import Connection

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 1_000
SCANNED_ROWS: Final = 1_001
"""What a page with a filter looks at, in a list with a `page_source`: at least one row more than the largest page."""

Row = TypeVar("Row")


class ListRequest(Protocol):
    """The request of any List RPC. `filter` and `order_by` are read if it has them."""

    DESCRIPTOR: Any
    page_size: int
    page_token: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:  # noqa: N802 - protobuf's name
        """Returns the wire format."""

    def ClearField(self, field_name: Any, /) -> None:  # noqa: N802, ANN401 - protobuf's name
        """Unsets a field."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list."""

    rows: Sequence[Row]
    next_page_token: str
    """Empty on the last page."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """Declares a list: what is read, and how it can be filtered and ordered. All SQL in it is trusted."""

    columns: str
    """The columns that `make` takes."""
    source: str
    """The SQL after FROM, with joins."""
    make: Callable[..., Row]
    """Makes a row from the columns, in their order."""
    permission: Permission
    """The permission that the RPC needs. The denial of a filter for another organization names it."""
    orders: Mapping[str, SortColumn]
    """Sort columns by their names in `order_by`."""
    unique: SortColumn
    """A column that is unique in an organization. It orders rows that are equal otherwise."""
    default_order: str
    """The order without `order_by`, in the same syntax."""
    fields: Fields
    """Fields by their names in filters."""
    page_source: str = ""
    """Instead of `source`, for a list whose only order is the unique column: a function of the last row of the page before,
    `{last}`, of how many rows to return, `{most}`, and whether backward, `{descending}`. Empty: there is none."""
    is_joined: bool = False
    """Whether the unique column and the order are of different tables, so that no index has both."""
    source_of_filters: str = ""
    """The part of `source` that filters read."""
    searched: Sequence[str] = ()
    """Columns that a value without a field is searched in."""

    def query(
        self, request: ListRequest, page_tokens: PageTokens, organization: str, *conditions: Condition
    ) -> "ListQuery[Row]":
        """Returns the query for a request, without reading anything yet.

        Args:
            request: of the RPC. The page token is bound to all of it except the page size.
            page_tokens: makes and reads the tokens.
            organization: id of the organization whose rows are listed.
            conditions: every row must meet them: it belongs to the organization, and the caller may see it.

        Raises:
            AdminError: INVALID_ARGUMENT for an invalid size, token, filter or order; PERMISSION_DENIED for a filter that names a
                resource
                of another organization.
        """
        violations = list(bounds_of(request))
        keys = self._keys(getattr(request, "order_by", ""), violations)
        parameters = Parameters()
        wheres = [condition.sql(parameters) for condition in conditions]
        wheres += self.filter_of(getattr(request, "filter", ""), parameters, organization, violations)
        if violations:
            raise invalid_fields(*violations)
        arguments = arguments_of(request)
        last: Sequence[object] = ()
        if request.page_token:
            last = last_values(request.page_token, page_tokens, arguments, keys)
            wheres.append(after_sql(keys, last, parameters, is_joined=self.is_joined))
        size = min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        sort_values = ", ".join(key.column.expression for key in keys)
        source = f"scanned {keys[0].column.expression.partition('.')[0]}" if self.page_source else self.source
        statement = (
            f"SELECT {self.columns}, {sort_values} AS sort_value"  # noqa: S608 - trusted SQL
            f" FROM {source} WHERE {' AND '.join(wheres) or 'true'}"
            # One row more than the page shows whether another page follows.
            f" ORDER BY {order_sql(keys)} LIMIT {parameters.add(size + 1)}"
        )
        if self.page_source:
            most = SCANNED_ROWS if getattr(request, "filter", "") else size + 1
            statement = self._scan(statement, keys[0], last, most, parameters)
        return ListQuery(
            statement,
            parameters.values,
            size,
            len(keys),
            self.make,
            lambda last: page_tokens.encode(last, arguments),
            is_scan=bool(self.page_source),
        )

    def _scan(self, page: str, key: SortKey, last: Sequence[object], most: int, parameters: Parameters) -> str:
        """Returns the statement of a page that looks at no more than `most` rows, and returns the last of them with every row.

        That is NULL if no row follows it. If no row meets the filter, it comes with a row of NULLs.
        """
        source = self.page_source.format(
            last=parameters.add(last[0] if last else ""),
            most=f"{parameters.add(most)}::bigint",
            descending=f"{parameters.add(key.is_descending)}::boolean",
        )
        column = key.column.expression.partition(".")[2]
        end = f"{'min' if key.is_descending else 'max'}({column})"
        return (
            f"WITH scanned AS MATERIALIZED (SELECT * FROM {source})"  # noqa: S608 - trusted SQL
            f" SELECT page.*, ends.last FROM (SELECT CASE WHEN count(*) = {most} THEN {end} END AS last FROM scanned) AS ends"
            f" LEFT JOIN ({page}) AS page ON true ORDER BY page.sort_value{' DESC' if key.is_descending else ''}"
        )

    def _keys(self, order_by: str, violations: list[FieldViolation]) -> Sequence[SortKey]:
        try:
            return parse_order(order_by or self.default_order, self.orders, self.unique)
        except OrderError as error:
            violations.append(FieldViolation("order_by", str(error)))
            return ()

    def filter_of(
        self, text: str, parameters: Parameters, organization: str, violations: list[FieldViolation]
    ) -> list[str]:
        """Returns the condition of a filter, or nothing for an empty one. Adds what is wrong with it to the violations.

        Raises:
            AdminError: PERMISSION_DENIED for a filter that names a resource of another organization.
        """
        try:
            tree = parse_filter(text)
            if tree is None:
                return []
            return [filter_sql(tree, self.fields, parameters, organization=organization, searched=self.searched)]
        except FilterError as error:
            violations.append(FieldViolation("filter", str(error)))
        except ForeignNameError as error:
            raise permission_denied(self.permission, error.name[:200]) from None
        return []


@dataclass(frozen=True, slots=True)
class ListQuery(Generic[Row]):
    """A statement that reads one page."""

    statement: str
    parameters: tuple[object, ...]
    _size: int
    _key_count: int
    _make: Callable[..., Row]
    _token: Callable[[str], str]
    is_scan: bool = False
    """Whether each row ends with the last row that the page looked at; see `Listing._scan`."""

    async def read(self, connection: Connection) -> Page[Row]:
        """Returns the page as of the connection's transaction."""
        found = [tuple(row) for row in await connection.fetch(self.statement, *self.parameters)]
        last: str | None = None
        if self.is_scan:
            last = found[0][-1]
            found = [row[:-1] for row in found if row[-2] is not None]
        rows = found[: self._size]
        if len(found) > self._size:
            last = _encoded(rows[-1][-self._key_count :])
        return Page([self._make(*row[: -self._key_count]) for row in rows], self._token(last) if last else "")


def bounds_of(request: ListRequest) -> Sequence[FieldViolation]:
    """Returns what is wrong with the size or the token of a page."""
    violations = []
    if request.page_size < 0:
        violations.append(FieldViolation("page_size", "must not be negative"))
    if len(request.page_token.encode()) > MAX_TOKEN_BYTES:
        violations.append(FieldViolation("page_token", f"must have at most {MAX_TOKEN_BYTES} bytes"))
    return violations


def arguments_of(request: ListRequest) -> str:
    """Returns everything that must be the same for the next page: the whole request except the page size and token."""
    bound = copy.deepcopy(request)
    for field in ("page_size", "page_token"):
        bound.ClearField(field)
    return f"{request.DESCRIPTOR.full_name} {bound.SerializeToString(deterministic=True).hex()}"


def _encoded(values: Sequence[object]) -> str:
    """Encodes a row's sort key values. PostgreSQL texts contain no NUL, so NUL can separate them."""
    return "\0".join(value.isoformat() if isinstance(value, dt.datetime) else str(value) for value in values)


def last_values(token: str, page_tokens: PageTokens, arguments: str, keys: Sequence[SortKey]) -> Sequence[object]:
    """Decodes the sort key values of the last row. They are signed, so they have the right types."""
    try:
        values = page_tokens.decode(token, arguments).split("\0")
    except PageTokenError as error:
        message = f"{error}: start again without a page token."
        raise AdminError(grpc.StatusCode.INVALID_ARGUMENT, ErrorReason.PAGE_TOKEN_INVALID, message) from error
    return [_READ[key.column.kind](value) for key, value in zip(keys, values, strict=True)]


_READ: Final[Mapping[str, Callable[[str], object]]] = {
    "text": str,
    "bigint": int,
    "timestamptz": dt.datetime.fromisoformat,
}
