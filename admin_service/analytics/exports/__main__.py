"""Command line of the operator: `python -m admin_service.analytics.exports`.

The exit status is 0 on success, 1 if the export is impossible, 2 if the database cannot be reached.
"""

import argparse
import asyncio
import datetime as dt
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NoReturn
from zoneinfo import ZoneInfo

import asyncpg

from admin_service.analytics.exports.cells import amount, utc_time
from admin_service.analytics.exports.csv_stream import Sink
from admin_service.analytics.exports.exporting import (
    ExportResult,
    Progress,
    export_calls,
    export_focus,
    export_usage,
)
from admin_service.analytics.exports.reading import Selection
from admin_service.analytics.language import Language
from admin_service.analytics.query import (
    MAX_LIMIT,
    AnyDimension,
    Dimension,
    Filter,
    Granularity,
    InvalidQueryError,
    TagDimension,
    UsageQuery,
)
from admin_service.analytics.reading import UnknownOrganizationError
from admin_service.analytics.reports.building import Wanted, build_report
from admin_service.analytics.reports.rendering import OversizeError, Renderer, RenderingError
from admin_service.analytics.reports.report import Paper
from admin_service.analytics.signatures.keys import SigningKeyError, signing_files_of
from gateway_core.model.call_tags import TagsError, tag_name, tag_value
from gateway_core.schema.logins import SERVICE_URLS
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.postgres.organization_wall import acting_for

DATABASE_URL: Final = SERVICE_URLS["megarouter_admin"]
_CONNECT_TIMEOUT_S: Final = 10
_PROGRESS_ROWS: Final = 10_000
_STDOUT: Final = "-"
_OPTIONS: Final = {
    Granularity.TOTAL: "total",
    Granularity.HOUR: "hour",
    Granularity.DAY: "day",
    Granularity.WEEK: "week",
    Granularity.MONTH: "month",
}
_GRANULARITIES: Final = {option: granularity for granularity, option in _OPTIONS.items()}


class OutputError(Exception):
    """The output cannot be written. The message says why."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one export and exits with its status."""
    chosen = _parser().parse_args(arguments)
    url = os.environ.get(DATABASE_URL, "")
    if not url:
        _give_up(2, f"set {DATABASE_URL}")
    try:
        summary = asyncio.run(_run(url, chosen))
    except InvalidQueryError as error:
        _give_up(1, f"{error.field} {error}")
    except OutputError as error:
        _give_up(1, f"the output cannot be written: {error}")
    except (OversizeError, RenderingError, SigningKeyError) as error:
        _give_up(1, str(error))
    except UnknownOrganizationError:
        _give_up(1, "there is no such organization")
    except (asyncpg.PostgresError, *UNAVAILABLE) as error:
        # Only the type of the error: its message may quote a URL with a password.
        _give_up(2, f"the database refused: {type(error).__name__}")
    sys.stderr.write(summary)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m admin_service.analytics.exports",
        description=f"Exports usage from the database at {DATABASE_URL}.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    calls = commands.add_parser("calls", help="one row for each call")
    focus = commands.add_parser("focus", help="one row for each line of a charge, in the columns of FOCUS 1.2")
    usage = commands.add_parser("usage", help="sums by group and time")
    pdf = commands.add_parser("pdf", help="a report as PDF, with its data attached")
    for command in (calls, focus, usage, pdf):
        _add_common(command)
    for command in (calls, focus, usage):
        command.add_argument("--raw", action="store_true", help="write text as it is, also if it looks like a formula")
    pdf.add_argument("--language", choices=list(map(str, Language)), default="en", help="default: en")
    pdf.add_argument("--paper", choices=list(map(str, Paper)), default="a4", help="default: a4")
    for command in (calls, focus):
        command.add_argument(
            "--position", type=int, metavar="N", help="export as of this event of the ledger (default: the last one)"
        )
    usage.add_argument(
        "--group-by",
        action="append",
        default=[],
        type=_dimension,
        metavar="DIMENSION",
        help=f"{', '.join(Dimension)}, or tag:NAME; up to two times",
    )
    usage.add_argument("--granularity", choices=list(_GRANULARITIES), default="total", help="default: total")
    usage.add_argument(
        "--limit",
        type=int,
        default=MAX_LIMIT,
        metavar="N",
        help=f"groups with rows of their own (default: {MAX_LIMIT}). The rest is one more",
    )
    return parser


def _dimension(text: str) -> AnyDimension:
    prefix, _, name = text.partition(":")
    try:
        return TagDimension(tag_name(name)) if prefix == "tag" else Dimension(text)
    except TagsError as error:
        raise argparse.ArgumentTypeError(f"tags {error}") from error
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no dimension") from error


def _tag(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    try:
        return tag_name(name), tag_value(value)
    except TagsError as error:
        raise argparse.ArgumentTypeError(f"tags {error}") from error


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--organization", required=True, metavar="ID")
    command.add_argument("--since", required=True, metavar="TIME", help="RFC 3339, or a day of the organization's zone")
    command.add_argument("--until", required=True, metavar="TIME", help="first instant, or day, after the range")
    command.add_argument("--output", required=True, metavar="FILE", help=f"{_STDOUT} for the standard output")
    for name in ("member", "api-key", "group", "model"):
        command.add_argument(
            f"--{name}", action="append", default=[], metavar="ID", help=f"only of this {name}; can be repeated"
        )
    command.add_argument(
        "--tag",
        action="append",
        default=[],
        type=_tag,
        metavar="NAME=VALUE",
        help="only with this tag; can be repeated",
    )


async def _run(url: str, chosen: argparse.Namespace) -> str:
    async with asyncpg.create_pool(url, min_size=1, max_size=1, timeout=_CONNECT_TIMEOUT_S) as pool:
        zone = await _zone(pool, chosen.organization)
        start, end = _instant("since", chosen.since, zone), _instant("until", chosen.until, zone)
        kept = Filter(
            groups=frozenset(chosen.group),
            members=frozenset(chosen.member),
            api_keys=frozenset(chosen.api_key),
            models=frozenset(chosen.model),
            tags=frozenset(chosen.tag),
        )
        with _output(chosen.output) as sink:
            if chosen.command == "pdf":
                wanted = Wanted(
                    chosen.organization, start, end, kept, language=Language(chosen.language), paper=Paper(chosen.paper)
                )
                return await _export_pdf(pool, wanted, sink)
            if chosen.command == "usage":
                query = UsageQuery(
                    chosen.organization,
                    start,
                    end,
                    group_by=tuple(chosen.group_by),
                    filter=kept,
                    granularity=_GRANULARITIES[chosen.granularity],
                    limit=chosen.limit,
                )
                return _summary(await export_usage(pool, query, sink, raw=chosen.raw))
            selection = Selection(chosen.organization, start, end, filter=kept, position=chosen.position)
            export = export_calls if chosen.command == "calls" else export_focus
            return _summary(await export(pool, selection, sink, raw=chosen.raw, report=_Meter()))


async def _export_pdf(pool: asyncpg.Pool, wanted: Wanted, sink: Sink) -> str:
    async with acting_for(pool, wanted.organization, isolation="repeatable_read") as connection:
        report = await build_report(connection, wanted)
    pdf = (await Renderer(signing=signing_files_of(os.environ)).render(report)).file
    await sink(pdf)
    return _summary(
        ExportResult(
            row_count=len(report.points),
            size_bytes=len(pdf),
            sha256=hashlib.sha256(pdf).hexdigest(),
            charge_nano_credits=report.total.charge,
            position=report.ledger_position,
            read_time=report.read_time,
            time_zone=report.time_zone,
            complete=report.complete,
        )
    )


async def _zone(pool: asyncpg.Pool, organization: str) -> ZoneInfo:
    async with acting_for(pool, organization) as connection:
        name = await connection.fetchval("SELECT time_zone FROM organizations WHERE organization_id = $1", organization)
    if name is None:
        raise UnknownOrganizationError(organization)
    return ZoneInfo(name)


def _instant(field: str, text: str, zone: ZoneInfo) -> dt.datetime:
    """Reads RFC 3339, or a day, which stands for its first instant in the zone."""
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidQueryError(field, "must be a day like 2026-03-01, or RFC 3339") from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=zone)


@contextmanager
def _output(name: str) -> Iterator[Sink]:
    """Opens the output. A file appears under its name only when it is complete.

    Raises:
        OutputError: it cannot be opened or written.
    """
    if name == _STDOUT:
        yield _sink(sys.stdout.buffer)
        with _writing():
            sys.stdout.buffer.flush()
        return
    path = Path(name)
    with _writing():
        file = tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)  # noqa: SIM115
    try:
        yield _sink(file)
        with _writing():
            file.close()
            Path(file.name).replace(path)
    finally:
        file.close()
        Path(file.name).unlink(missing_ok=True)


def _sink(file: IO[bytes]) -> Sink:
    async def write(data: bytes) -> None:
        with _writing():
            file.write(data)

    return write


@contextmanager
def _writing() -> Iterator[None]:
    """Tells failures of the output from those of the database."""
    try:
        yield
    except OSError as error:
        raise OutputError(error.strerror or type(error).__name__) from error


class _Meter:
    """Shows how far an export is, each 10,000 rows."""

    def __init__(self) -> None:
        self._next = _PROGRESS_ROWS

    def __call__(self, progress: Progress) -> None:
        if progress.row_count >= self._next:
            self._next = progress.row_count + _PROGRESS_ROWS
            sys.stderr.write(f"{progress.row_count} rows, event {progress.position} of {progress.last_position}\n")


def _summary(result: ExportResult) -> str:
    state = "complete" if result.complete else "calls in the range are open, or the range is not over"
    return (
        f"{result.row_count} rows, {result.size_bytes} bytes, {amount(result.charge_nano_credits)} credits\n"
        f"ledger position {result.position}, read {utc_time(result.read_time)}, zone {result.time_zone}, {state}\n"
        f"sha256 {result.sha256}\n"
    )


def _give_up(status: int, reason: str) -> NoReturn:
    sys.stderr.write(f"export: {reason}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
