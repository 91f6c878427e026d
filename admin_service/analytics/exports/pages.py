"""Exports calls page by page. All pages are as of one position of the ledger, so together they are one file, whoever joins them."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from admin_service.analytics.exports.call_rows import CallRow, named
from admin_service.analytics.exports.calls import CALL_COLUMNS, call_cells
from admin_service.analytics.exports.csv_stream import Cell, Column, CsvStream
from admin_service.analytics.exports.exporting import publishers_of
from admin_service.analytics.exports.focus import FOCUS_COLUMNS, focus_cells
from admin_service.analytics.exports.focus_lines import focus_rows
from admin_service.analytics.exports.name_history import NameHistory
from admin_service.analytics.exports.reading import CallReader, Selection, reading_calls

PAGE_BYTES: Final = 1_000_000
"""A page ends with the first batch that reaches this size."""
_BATCH_ROWS: Final = 100
"""At most about a megabyte, even in FOCUS with every kind of token."""
_TIMEOUT_S: Final = 30.0


class Form(enum.StrEnum):
    """What a row is."""

    CALLS = "calls"
    """A call."""
    FOCUS = "focus"
    """A line of a charge, in the columns of FOCUS 1.2."""


@dataclass(frozen=True, slots=True)
class ExportPage:
    """A part of a file."""

    text: str
    """Whole rows. Those of the first page begin with the header."""
    row_count: int
    """Without the header."""
    position: int
    """Every event of the ledger up to this number is in the file, and none after it."""
    last_sequence: int
    """Number of the last record on the page. The next page begins after it."""
    is_last: bool
    complete: bool
    """Whether no call was open that began before the end of the range."""


class SlowExportError(Exception):
    """So few calls of a large ledger match that the next ones were not found in time."""


async def export_page(
    pool: asyncpg.Pool, selection: Selection, form: Form, *, raw: bool = False, timeout_s: float | None = None
) -> ExportPage:
    """Returns the next page of an export. It is the first one if `selection.after` is 0.

    Args:
        pool: logged in as admin_service.
        selection: which calls.
        form: what a row is.
        raw: leave text as it is, also where a spreadsheet may take it for a formula.
        timeout_s: for finding the next calls; by default what a caller may wait.

    Raises:
        InvalidQueryError: the selection is out of its bounds.
        SlowExportError: the next calls were not found in time.
        UnknownOrganizationError: there is no such organization.
    """
    parts: list[bytes] = []

    async def keep(data: bytes) -> None:
        parts.append(data)

    columns: Sequence[Column[Any]] = CALL_COLUMNS if form is Form.CALLS else FOCUS_COLUMNS
    stream, last, is_last = CsvStream(columns, keep, raw=raw), selection.after, True
    try:
        async with reading_calls(pool, selection, _TIMEOUT_S if timeout_s is None else timeout_s) as reader:
            if selection.after == 0:
                await stream.write_header()
            names = NameHistory(reader.connection, selection.organization)
            publishers = await publishers_of(reader.connection) if form is Form.FOCUS else {}
            async for records in reader.batches(*_OTHERS[form], rows=_BATCH_ROWS):
                calls = await named(records, names, reader.snapshot.zone)
                await stream.write_rows(_cells(form, calls, reader, publishers))
                last = records[-1]["sequence"]
                if stream.size_bytes >= PAGE_BYTES:
                    is_last = False
                    break
            snapshot = reader.snapshot
    except (TimeoutError, asyncpg.QueryCanceledError) as error:
        raise SlowExportError from error
    text = b"".join(parts).decode()
    return ExportPage(text, stream.row_count, snapshot.position, last, is_last, snapshot.complete)


_OTHERS: Final = {Form.CALLS: (), Form.FOCUS: ("charge_lines",)}


def _cells(form: Form, calls: Sequence[CallRow], reader: CallReader, publishers: dict[str, str]) -> list[list[Cell]]:
    if form is Form.CALLS:
        return list(map(call_cells, calls))
    return list(focus_cells(list(focus_rows(calls, reader.snapshot, publishers))))
