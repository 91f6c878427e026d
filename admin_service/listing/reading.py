"""The one way in which lists are read: filtered, ordered, page by page (AIP-158, 160, 132).

A page begins behind the last row of the one before (keyset), so that it costs the same wherever it is, if an index has the order:
`(organization_id, <columns of the order>, <unique column>)`, and one per level of groups for those who see a subtree, see
`subtrees`. Rows that come and go between pages shift nothing. A row whose value in the order's columns changes meanwhile may be
met twice or not at all: so only columns that stay are allowed by default.
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

Row = TypeVar("Row")


class ListRequest(Protocol):
    """The request of any List RPC. `filter` and `order_by` are read where it has them."""

    DESCRIPTOR: Any
    page_size: int
    page_token: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:  # noqa: N802 - protobuf's name
        """In the wire format."""

    def ClearField(self, field_name: Any, /) -> None:  # noqa: N802, ANN401 - protobuf's name
        """Unsets a field."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list."""

    rows: Sequence[Row]
    next_page_token: str
    """Empty on the last page."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """A kind of list: what is read, and by what it may be filtered and ordered. All SQL in it is ours."""

    columns: str
    """What `make` gets."""
    source: str
    """What stands behind FROM, joins included."""
    make: Callable[..., Row]
    """From the columns, in their order."""
    permission: Permission
    """What the RPC needs; named when a filter reaches for another organization."""
    orders: Mapping[str, SortColumn]
    """By the names that `order_by` has for them."""
    unique: SortColumn
    """Unique inside an organization; what is equal in the order's columns is ordered by it."""
    default_order: str
    """As an `order_by`."""
    fields: Fields
    """By the names that a filter has for them."""
    searched: Sequence[str] = ()
    """Columns in which a value alone is looked for."""

    def query(
        self, request: ListRequest, page_tokens: PageTokens, organization: str, *conditions: Condition
    ) -> "ListQuery[Row]":
        """What a request asks for; nothing is read yet.

        Args:
            request: of the RPC. All of it but the page's size is bound into the page token.
            page_tokens: makes and reads the tokens.
            organization: id; whose rows are listed.
            conditions: hold for every row: that it is of the organization, that the caller may see it.

        Raises:
            AdminError: INVALID_ARGUMENT for a size, token, filter or order that is none; PERMISSION_DENIED for a filter that
                names something of another organization.
        """
        violations = list(_bounds(request))
        keys = self._keys(getattr(request, "order_by", ""), violations)
        parameters = Parameters()
        wheres = [condition.sql(parameters) for condition in conditions]
        wheres += self._filter(getattr(request, "filter", ""), parameters, organization, violations)
        if violations:
            raise invalid_fields(*violations)
        arguments = _arguments(request)
        if request.page_token:
            wheres.append(after_sql(keys, _last_values(request.page_token, page_tokens, arguments, keys), parameters))
        size = min(request.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        sort_values = ", ".join(key.column.expression for key in keys)
        statement = (
            f"SELECT {self.columns}, {sort_values} FROM {self.source} WHERE {' AND '.join(wheres) or 'true'}"  # noqa: S608
            # One more than the page holds says whether another page follows.
            f" ORDER BY {order_sql(keys)} LIMIT {parameters.add(size + 1)}"
        )
        return ListQuery(
            statement, parameters.values, size, len(keys), self.make, lambda last: page_tokens.encode(last, arguments)
        )

    def _keys(self, order_by: str, violations: list[FieldViolation]) -> Sequence[SortKey]:
        try:
            return parse_order(order_by or self.default_order, self.orders, self.unique)
        except OrderError as error:
            violations.append(FieldViolation("order_by", str(error)))
            return ()

    def _filter(
        self, text: str, parameters: Parameters, organization: str, violations: list[FieldViolation]
    ) -> list[str]:
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

    async def read(self, connection: Connection) -> Page[Row]:
        """The page, as of the connection's transaction."""
        found = await connection.fetch(self.statement, *self.parameters)
        rows = [tuple(row) for row in found[: self._size]]
        last = _encoded(rows[-1][-self._key_count :]) if len(found) > self._size else None
        return Page([self._make(*row[: -self._key_count]) for row in rows], self._token(last) if last else "")


def _bounds(request: ListRequest) -> Sequence[FieldViolation]:
    violations = []
    if request.page_size < 0:
        violations.append(FieldViolation("page_size", "must not be negative"))
    if len(request.page_token.encode()) > MAX_TOKEN_BYTES:
        violations.append(FieldViolation("page_token", f"must have at most {MAX_TOKEN_BYTES} bytes"))
    return violations


def _arguments(request: ListRequest) -> str:
    """Everything that must be the same for the next page: all of the request but which page, and how long."""
    bound = copy.deepcopy(request)
    for field in ("page_size", "page_token"):
        bound.ClearField(field)
    return f"{request.DESCRIPTOR.full_name} {bound.SerializeToString(deterministic=True).hex()}"


def _encoded(values: Sequence[object]) -> str:
    """A row's values of the keys; PostgreSQL's texts have no NUL."""
    return "\0".join(value.isoformat() if isinstance(value, dt.datetime) else str(value) for value in values)


def _last_values(token: str, page_tokens: PageTokens, arguments: str, keys: Sequence[SortKey]) -> Sequence[object]:
    """The last row's values of the keys: signed, so of their types."""
    try:
        values = page_tokens.decode(token, arguments).split("\0")
    except PageTokenError as error:
        message = f"{error}: begin again without one."
        raise AdminError(grpc.StatusCode.INVALID_ARGUMENT, ErrorReason.PAGE_TOKEN_INVALID, message) from error
    return [_READ[key.column.kind](value) for key, value in zip(keys, values, strict=True)]


_READ: Final[Mapping[str, Callable[[str], object]]] = {
    "text": str,
    "bigint": int,
    "timestamptz": dt.datetime.fromisoformat,
}
