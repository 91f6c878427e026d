"""Writes rows as CSV (RFC 4180, UTF-8 with BOM) to a sink, in constant memory, and hashes what it wrote."""

import csv
import hashlib
import io
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from admin_service.analytics.exports.cells import escaped

T = TypeVar("T")

Sink = Callable[[bytes], Awaitable[None]]
"""Takes the next bytes of a file. The export waits for it, so a slow one slows the export down."""

Cell = str | int | None
"""None is null: a cell with nothing in it."""

CHUNK_BYTES: Final = 256 * 1024
"""The most that a sink gets at once."""
_BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column of a file."""

    name: str
    meaning: str
    """For the documentation."""
    value: Callable[[T], Cell]
    is_text: bool = False
    """Whether the cells may hold what people or providers wrote. Only these are escaped."""


class CsvStream:
    """A file under way. Every write ends with a whole row."""

    def __init__(self, columns: Sequence[Column[T]], sink: Sink, *, raw: bool = False) -> None:
        self._names = [column.name for column in columns]
        self._escaped = [] if raw else [place for place, column in enumerate(columns) if column.is_text]
        self._sink = sink
        self._hash = hashlib.sha256()
        self.row_count = 0
        """Rows without the header."""
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """The hash of all bytes so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    async def write_header(self) -> None:
        """Writes the byte order mark and the names of the columns."""
        await self._write([self._names], _BYTE_ORDER_MARK)

    async def write_rows(self, rows: Iterable[list[Cell]]) -> None:
        """Writes rows of cells in the order of the columns. Holds all of them in memory, so pass a batch at a time."""
        batch = [self._safe(row) for row in rows]
        self.row_count += len(batch)
        await self._write(batch)

    def _safe(self, row: list[Cell]) -> list[Cell]:
        for place in self._escaped:
            cell = row[place]
            if cell:
                row[place] = escaped(str(cell))
        return row

    async def _write(self, rows: Sequence[Sequence[Cell]], beginning: str = "") -> None:
        text = io.StringIO(newline="")
        text.write(beginning)
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        data = text.getvalue().encode()
        self._hash.update(data)
        self.size_bytes += len(data)
        for start in range(0, len(data), CHUNK_BYTES):
            await self._sink(data[start : start + CHUNK_BYTES])
