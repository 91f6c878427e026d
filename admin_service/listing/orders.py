"""Orders of lists (AIP-132): `order_by`, and where a page starts in an order."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from admin_service.listing.sql_parameters import Parameters

MAX_ORDER_BYTES: Final = 200
MAX_ORDER_FIELDS: Final = 2

_FIELD: Final = re.compile(r" *([a-z][a-z0-9_.]*)(?: +(asc|desc))? *")


class OrderError(ValueError):
    """The list does not have this order. The message names the fields it can be ordered by."""


@dataclass(frozen=True, slots=True)
class SortColumn:
    """A column to order by. It is never NULL, and at most 600 bytes long, because page tokens carry its values."""

    expression: str
    """Trusted SQL."""
    kind: Literal["text", "timestamptz", "bigint"] = "text"


@dataclass(frozen=True, slots=True)
class SortKey:
    """A column and its direction."""

    column: SortColumn
    is_descending: bool


def parse_order(order_by: str, orders: Mapping[str, SortColumn], unique: SortColumn) -> Sequence[SortKey]:
    """Returns the sort keys of an order such as `create_time desc, name`, with the unique key last.

    Args:
        order_by: at most two fields, separated by commas. ` desc` after a field reverses it; ` asc` is the default.
        orders: the fields of the list.
        unique: appended in the direction of the last field, unless the order already contains it.

    Raises:
        OrderError: an unknown or repeated field, or too many fields or bytes.
    """
    if len(order_by.encode()) > MAX_ORDER_BYTES:
        raise OrderError(f"must have at most {MAX_ORDER_BYTES} bytes")
    keys: list[SortKey] = []
    for part in order_by.split(","):
        found = _FIELD.fullmatch(part)
        column = orders.get(found.group(1)) if found else None
        if found is None or column is None:
            raise OrderError(f"has {part.strip()!r}; use {', '.join(sorted(orders))}, each with or without ` desc`")
        if any(key.column == column for key in keys):
            raise OrderError(f"has {found.group(1)} twice")
        keys.append(SortKey(column, found.group(2) == "desc"))
    if len(keys) > MAX_ORDER_FIELDS:
        raise OrderError(f"must have at most {MAX_ORDER_FIELDS} fields")
    if not any(key.column == unique for key in keys):
        keys.append(SortKey(unique, keys[-1].is_descending))
    return keys


def only_field(order_by: str) -> tuple[str, bool] | None:
    """Returns the field of an order and whether it is descending, or None if the order has several or is malformed."""
    found = _FIELD.fullmatch(order_by) if len(order_by.encode()) <= MAX_ORDER_BYTES else None
    return (found.group(1), found.group(2) == "desc") if found else None


def order_sql(keys: Sequence[SortKey]) -> str:
    """Returns the SQL after ORDER BY."""
    return ", ".join(f"{key.column.expression}{' DESC' if key.is_descending else ''}" for key in keys)


def after_sql(
    keys: Sequence[SortKey], last: Sequence[object], parameters: Parameters, *, is_joined: bool = False
) -> str:
    """Returns the SQL condition that a row comes after the row with these values.

    If all keys have one direction, it is a row comparison, which an index answers as a range. With mixed directions, or if the
    columns are of joined tables, a range of the first column comes before the exact condition, so that an index can still narrow
    the rows.
    """
    columns = [key.column.expression for key in keys]
    values = [f"{parameters.add(value)}::{key.column.kind}" for key, value in zip(keys, last, strict=True)]
    signs = ["<" if key.is_descending else ">" for key in keys]
    if len(set(signs)) == 1 and not is_joined:
        return f"(({', '.join(columns)}) {signs[0]} ({', '.join(values)}))"
    condition = f"{columns[-1]} {signs[-1]} {values[-1]}"
    for column, sign, value in reversed(list(zip(columns[:-1], signs[:-1], values[:-1], strict=True))):
        condition = f"({column} {sign} {value} OR ({column} = {value} AND {condition}))"
    return f"({columns[0]} {signs[0]}= {values[0]} AND {condition})"
