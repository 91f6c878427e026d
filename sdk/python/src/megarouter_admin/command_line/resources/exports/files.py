"""Writes exports of usage to files."""

import enum
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from megarouter.admin.v1.messages import (
    CallExportFormat,
    ExportCallsRequest,
    ExportCallsResponse,
    ExportUsageReportRequest,
    ReportLanguage,
    ReportPaper,
    UsageFilter,
)
from megarouter.type.v1.time_range_pb2 import TimeRange

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.languages import Language
from megarouter_admin.paging import pages

REPORT_TIMEOUT_S: Final = 150.0
PAGE_TIMEOUT_S: Final = 60.0
BAR_WIDTH: Final = 30


class Format(enum.StrEnum):
    """The format of an export."""

    CSV = "csv"
    FOCUS = "focus"
    PDF = "pdf"


class Paper(enum.StrEnum):
    """The paper of a report."""

    A4 = "a4"
    LETTER = "letter"


_FORMATS: Final = {
    Format.CSV: CallExportFormat.CALL_EXPORT_FORMAT_CALLS,
    Format.FOCUS: CallExportFormat.CALL_EXPORT_FORMAT_FOCUS,
}
LANGUAGES: Final = {
    Language.EN: ReportLanguage.REPORT_LANGUAGE_ENGLISH,
    Language.ZH: ReportLanguage.REPORT_LANGUAGE_CHINESE,
}
PAPERS: Final = {Paper.A4: ReportPaper.REPORT_PAPER_A4, Paper.LETTER: ReportPaper.REPORT_PAPER_LETTER}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export, and where to."""

    file: Path
    period: TimeRange
    groups: list[str] = field(default_factory=list)
    """Full names. Empty: all that the caller may see."""


def write_calls(session: Session, wanted: Wanted, form: Format, *, raw: bool) -> None:
    """Writes calls as CSV.

    Raises:
        CommandError: the file cannot be written.
        MegaRouterError: a page cannot be fetched. Then there is no file.
    """
    request = ExportCallsRequest(
        name=session.organization,
        time_range=wanted.period,
        usage_filter=UsageFilter(groups=wanted.groups),
        format=_FORMATS[form],
        raw=raw,
    )
    rows, last = 0, ExportCallsResponse()
    # The share is that of the ledger's events, so the bar may end early.
    with whole_file(wanted.file) as file, progress() as show:
        for last in pages(_with_timeout(session.router.usage_reports.ExportCalls), request):
            file.write(last.content.encode())
            rows += last.row_count
            show(last.last_sequence, last.ledger_position, f"{rows:,} rows")
    last.content = ""
    last.row_count = rows
    if session.output.json:
        session.output.one(last, [])
    else:
        session.output.remark(f"Wrote {wanted.file}: {rows:,} rows, as of ledger position {last.ledger_position:,}.")


def write_report(session: Session, wanted: Wanted, language: Language, paper: Paper) -> None:
    """Writes a report as PDF. Errors are those of `write_calls`."""
    answer = session.router.usage_reports.ExportUsageReport(
        ExportUsageReportRequest(
            name=session.organization,
            time_range=wanted.period,
            usage_filter=UsageFilter(groups=wanted.groups),
            language=LANGUAGES[language],
            paper=PAPERS[paper],
        ),
        timeout=REPORT_TIMEOUT_S,
    )
    with whole_file(wanted.file) as file:
        file.write(answer.pdf)
    if session.output.json:
        answer.ClearField("pdf")
        session.output.one(answer, [])
        return
    if not answer.complete:
        session.output.remark("The figures may still grow: the period is not over, or calls of it are open.")
    session.output.remark(f"Wrote {wanted.file}. `megarouter verify {wanted.file}` compares it with the ledger.")


def _with_timeout(
    method: Callable[..., ExportCallsResponse],
) -> Callable[[ExportCallsRequest], ExportCallsResponse]:
    return lambda request: method(request, timeout=PAGE_TIMEOUT_S)


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file that appears under its name only if everything was written."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        Path(name).unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> CommandError:
    return CommandError(f"cannot write {path}: {error.strerror or type(error).__name__}")


@contextmanager
def progress() -> Iterator[Callable[[int, int, str], None]]:
    """Shows a bar on a terminal, and nothing elsewhere. What is yielded takes how much is done, of how much, and a text."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return

    def show(done: int, of: int, text: str) -> None:
        share = done / of if of else 1.0
        filled = round(share * BAR_WIDTH)
        sys.stderr.write(f"\r{'█' * filled}{'░' * (BAR_WIDTH - filled)} {share:4.0%} {text}\033[K")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write("\r\033[K")
