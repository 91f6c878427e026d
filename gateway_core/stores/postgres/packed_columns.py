"""Packs each column of a batch into one text, in a tenth of the time of the driver's arrays. `unpacked` in SQL reads it."""

from collections.abc import Iterable, Sequence
from typing import Final

SEPARATOR: Final = "\x1f"
ABSENT: Final = "\x1e"


class UnpackableError(ValueError):
    """A value contains the separator, so it would be read as two values."""


def packed(values: Sequence[str]) -> str:
    """Packs one column.

    Raises:
        UnpackableError: a value contains the separator.
    """
    text = SEPARATOR + SEPARATOR.join(values)
    if text.count(SEPARATOR) != len(values):
        raise UnpackableError("a value cannot be packed")
    return text


def packed_columns(rows: Iterable[tuple[str | int | None, ...]]) -> list[str]:
    """Packs the columns of rows. Requires at least one row. Integers are written in decimal.

    Raises:
        UnpackableError: a value contains the separator.
    """
    return [packed([ABSENT if value is None else str(value) for value in column]) for column in zip(*rows, strict=True)]


_TYPES: Final = {
    "": "{}",
    "texts": "string_to_array({}, ' ')",
    "instant": "'epoch'::timestamptz + {}::bigint * interval '1 microsecond'",
}


def insert_packed(table: str, columns: Sequence[str]) -> str:
    """Returns a statement that inserts `packed_columns`, one parameter for each column.

    Args:
        table: name of the table.
        columns: `name` or `name:type`. The type is one of PostgreSQL's, or `texts` (an array whose elements are
            separated by spaces), or `instant` (microseconds since the epoch).
    """
    named = [column.partition(":")[::2] for column in columns]
    names = ", ".join(name for name, _ in named)
    values = ", ".join(_TYPES.get(kind, f"{{}}::{kind}").format(f"p.{name}") for name, kind in named)
    parameters = ", ".join(f"unpacked(${number})" for number in range(1, len(columns) + 1))
    # It contains only trusted names, no values.
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM unnest({parameters}) AS p ({names})"  # noqa: S608
