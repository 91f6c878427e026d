"""Writes whole exports."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import asyncpg

from admin_service.analytics.answer import UsageAnswer
from admin_service.analytics.exports.call_rows import named
from admin_service.analytics.exports.calls import CALL_COLUMNS, call_cells
from admin_service.analytics.exports.csv_stream import CsvStream, Sink
from admin_service.analytics.exports.focus import FOCUS_COLUMNS, focus_cells
from admin_service.analytics.exports.focus_lines import focus_rows
from admin_service.analytics.exports.name_history import NameHistory
from admin_service.analytics.exports.reading import CallReader, Selection, reading_calls
from admin_service.analytics.exports.usage import usage_columns, usage_rows
from admin_service.analytics.names import names_of
from admin_service.analytics.query import UsageQuery
from admin_service.analytics.reading import answer_query
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import acting_for

_PROVIDERS: Final = "SELECT provider_id, definition ->> 'display_name' FROM providers"


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was exported. The file says none of it, because programs read it as nothing but rows."""

    row_count: int
    """Without the header."""
    size_bytes: int
    sha256: str
    """Of the whole file, in hexadecimal digits."""
    charge_nano_credits: int
    """The sum of the charges in the file."""
    position: int
    """Every event of the ledger up to this number is in the file, and none after it."""
    read_time: dt.datetime
    time_zone: str
    """Of the local times in the file."""
    complete: bool
    """Whether no call was open that began before the end of the range. Otherwise a later export will have more."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export is."""

    row_count: int
    position: int
    """Number of the last record that was written."""
    last_position: int
    """Where the export ends. The last record before it that matches may come earlier."""


Report = Callable[[Progress], None]


def _silent(_progress: Progress) -> None:
    """Reports nothing."""


async def export_calls(
    pool: asyncpg.Pool, selection: Selection, sink: Sink, *, raw: bool = False, report: Report = _silent
) -> ExportResult:
    """Exports one row for each call.

    Args:
        pool: logged in as admin_service.
        selection: which calls.
        sink: takes the file.
        raw: leave text as it is, also where a spreadsheet may take it for a formula.
        report: called after each batch.

    Raises:
        InvalidQueryError: the selection is out of its bounds.
        UnknownOrganizationError: there is no such organization.
    """
    async with reading_calls(pool, selection) as reader:
        stream = CsvStream(CALL_COLUMNS, sink, raw=raw)
        await stream.write_header()
        names, charge = NameHistory(reader.connection, selection.organization), 0
        async for records in reader.batches():
            calls = await named(records, names, reader.snapshot.zone)
            await stream.write_rows(map(call_cells, calls))
            charge += sum([record["charge_nano_credits"] for record in records])
            report(Progress(stream.row_count, records[-1]["sequence"], reader.snapshot.position))
        return _result(stream, charge, reader)


async def export_focus(
    pool: asyncpg.Pool, selection: Selection, sink: Sink, *, raw: bool = False, report: Report = _silent
) -> ExportResult:
    """Exports one row for each line of the charges, in the columns of FOCUS 1.2. Arguments and errors are those of
    `export_calls`."""
    async with reading_calls(pool, selection) as reader:
        stream = CsvStream(FOCUS_COLUMNS, sink, raw=raw)
        await stream.write_header()
        names, charge = NameHistory(reader.connection, selection.organization), 0
        publishers = await publishers_of(reader.connection)
        async for records in reader.batches("charge_lines"):
            calls = await named(records, names, reader.snapshot.zone)
            rows = list(focus_rows(calls, reader.snapshot, publishers))
            await stream.write_rows(focus_cells(rows))
            charge += sum([row.amount for row in rows])
            report(Progress(stream.row_count, records[-1]["sequence"], reader.snapshot.position))
        return _result(stream, charge, reader)


async def export_usage(pool: asyncpg.Pool, query: UsageQuery, sink: Sink, *, raw: bool = False) -> ExportResult:
    """Answers a query and exports one row for each group and bucket. Names are those of the end of the range.

    Raises:
        InvalidQueryError: the question cannot be answered as it is.
        UnknownOrganizationError: there is no such organization.
    """
    answer = await answer_query(pool, query)
    async with acting_for(pool, query.organization) as connection:
        names = {
            dimension: await names_of(
                connection, query.organization, dimension, _values(answer, place), min(query.end, answer.as_of.time)
            )
            for place, dimension in enumerate(query.group_by)
        }
    columns = usage_columns(query.group_by, names)
    stream = CsvStream(columns, sink, raw=raw)
    await stream.write_header()
    await stream.write_rows([column.value(row) for column in columns] for row in usage_rows(answer))
    return ExportResult(
        row_count=stream.row_count,
        size_bytes=stream.size_bytes,
        sha256=stream.sha256,
        charge_nano_credits=answer.total.charge_nano_credits,
        position=answer.as_of.sequence,
        read_time=answer.as_of.time,
        time_zone=answer.time_zone,
        complete=answer.complete,
    )


def _values(answer: UsageAnswer, place: int) -> set[str]:
    return {group.values[place] for group in answer.groups if group.values is not None}


async def publishers_of(connection: Connection) -> dict[str, str]:
    """Returns the names of providers by their ids."""
    return {provider: name or provider for provider, name in await connection.fetch(_PROVIDERS)}


def _result(stream: CsvStream, charge_nano_credits: int, reader: CallReader) -> ExportResult:
    return ExportResult(
        row_count=stream.row_count,
        size_bytes=stream.size_bytes,
        sha256=stream.sha256,
        charge_nano_credits=charge_nano_credits,
        position=reader.snapshot.position,
        read_time=reader.snapshot.time,
        time_zone=reader.snapshot.zone.key,
        complete=reader.snapshot.complete,
    )
