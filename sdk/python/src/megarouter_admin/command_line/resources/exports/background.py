"""Exports that the service makes in the background: started, watched and downloaded."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from megarouter.admin.v1.messages import (
    DownloadUsageExportRequest,
    ExportUsageRequest,
    GetUsageExportRequest,
    UsageExport,
    UsageExportFormat,
    UsageFilter,
)

from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.resources.exports.files import (
    LANGUAGES,
    PAPERS,
    Format,
    Paper,
    Wanted,
    progress,
    whole_file,
)
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.languages import Language
from megarouter_admin.command_line.values.names import short_name
from megarouter_admin.errors import MegaRouterError

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 5.0
LONGEST_ABSENCE_S: Final = 120.0
"""Of the service, while an export is made."""
FORMATS: Final = {
    Format.CSV: UsageExportFormat.USAGE_EXPORT_FORMAT_CSV,
    Format.FOCUS: UsageExportFormat.USAGE_EXPORT_FORMAT_FOCUS,
    Format.PDF: UsageExportFormat.USAGE_EXPORT_FORMAT_PDF,
}
_UNDER_WAY: Final = {UsageExport.STATE_QUEUED, UsageExport.STATE_RUNNING}


def start(
    session: Session, wanted: Wanted, form: Format, language: Language, paper: Paper, *, raw: bool
) -> UsageExport:
    """Starts an export on the service."""
    export: UsageExport = session.router.usage_exports.ExportUsage(
        ExportUsageRequest(
            parent=session.organization,
            time_range=wanted.period,
            usage_filter=UsageFilter(groups=wanted.groups),
            format=FORMATS[form],
            raw=raw,
            language=LANGUAGES[language],
            paper=PAPERS[paper],
        )
    )
    return export


def finish(session: Session, export: UsageExport, file: Path) -> None:
    """Waits until an export has ended, with a bar on a terminal, and downloads its file.

    Raises:
        CommandError: there is no file, or it cannot be written.
        KeyboardInterrupt: the user does not want to wait. The export goes on.
    """
    try:
        export = _ended(session, export)
    except KeyboardInterrupt:
        session.output.remark(
            f"The service goes on with {short_name(export.name)}."
            f" `megarouter exports download {short_name(export.name)} --output {file}` fetches its file later."
        )
        raise
    download(session, export, file)


def download(session: Session, export: UsageExport, file: Path) -> None:
    """Writes the file of an export.

    Raises:
        CommandError: there is no file, it does not arrive whole, or it cannot be written.
    """
    if export.state != UsageExport.STATE_SUCCEEDED:
        state = UsageExport.State.Name(export.state).removeprefix("STATE_").lower()
        raise CommandError(f"{short_name(export.name)} has no file: {export.error_message or f'it is {state}'}")
    digest, size = hashlib.sha256(), 0
    with whole_file(file) as output, progress() as show:
        for content in _parts(session, export):
            digest.update(content)
            size += len(content)
            output.write(content)
            show(size, export.size_bytes, f"{size:,} bytes")
        if digest.hexdigest() != export.sha256:
            raise CommandError("the file did not arrive whole: its SHA-256 differs. Download it again")
    if session.output.json:
        session.output.one(export, [])
        return
    if not export.complete:
        session.output.remark("The file may still grow: the period is not over, or calls of it are open.")
    rows = f"{export.row_count:,} rows, " if export.row_count else ""
    session.output.remark(f"Wrote {file}: {rows}as of ledger position {export.ledger_position:,}.")


def _parts(session: Session, export: UsageExport) -> Iterator[bytes]:
    for part in range(export.part_count):
        request = DownloadUsageExportRequest(name=export.name, part=part)
        yield session.router.usage_exports.DownloadUsageExport(request).content


def _ended(session: Session, export: UsageExport) -> UsageExport:
    pause_s = FIRST_PAUSE_S
    with progress() as show:
        while export.state in _UNDER_WAY:
            waits = export.state == UsageExport.STATE_QUEUED
            show(export.progress_percent, 100, "waiting" if waits else f"{export.row_count:,} rows")
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)
            export = _asked_again(session, export)
    return export


def _asked_again(session: Session, export: UsageExport) -> UsageExport:
    """Returns the export as it is now. The service may restart meanwhile, for which the export does not end."""
    until = time.monotonic() + LONGEST_ABSENCE_S
    while True:
        try:
            found: UsageExport = session.router.usage_exports.GetUsageExport(GetUsageExportRequest(name=export.name))
        except MegaRouterError as error:
            if error.code.name != "UNAVAILABLE" or time.monotonic() >= until:
                raise
            time.sleep(LONGEST_PAUSE_S)
        else:
            return found
