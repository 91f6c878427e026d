"""Commands about exports that the service made or makes."""

from pathlib import Path
from typing import Annotated

from megarouter.admin.v1.messages import (
    CancelUsageExportRequest,
    DeleteUsageExportRequest,
    GetUsageExportRequest,
    ListUsageExportsRequest,
    ShareUsageExportRequest,
    UsageExport,
    UsageExportFormat,
)

from megarouter_admin.command_line.parsing.commands import LimitOption, Section, command, label
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.resources.exports.background import finish
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import Collection, short_name
from megarouter_admin.command_line.values.times import duration, parse_duration

application = Section()

ExportArgument = Annotated[str, Argument(metavar="EXPORT", text="Its id or name.")]


@command(application, "list", "exports list")
def list_exports(session: Session, limit: LimitOption = 100) -> None:
    """List your exports that the service made or makes, the latest first. They are kept for a day."""
    request = ListUsageExportsRequest(parent=session.organization)
    exports = session.listed(session.router.usage_exports.ListUsageExports, request, "usage_exports", limit)
    columns = [
        Column[UsageExport]("export", lambda export: short_name(export.name)),
        Column[UsageExport]("format", _format),
        Column[UsageExport]("state", _state),
        Column[UsageExport]("rows", lambda export: export.row_count or None, Kind.NUMBER),
        Column[UsageExport]("bytes", lambda export: export.size_bytes or None, Kind.NUMBER),
        Column[UsageExport]("started", lambda export: session.ago(export.create_time)),
        Column[UsageExport]("why", lambda export: export.error_message),
    ]
    session.output.rows(columns, exports, "no exports")


@command(application, "show", "exports show export-01abc")
def show(session: Session, export: ExportArgument) -> None:
    """Show an export: how far it is, and the link to its file."""
    _show(session, _named(session, export))


@command(application, "download", "exports download export-01abc --output calls.csv")
def download_export(
    session: Session,
    export: ExportArgument,
    output: Annotated[Path, Option("--output", metavar="FILE", text="The file. An existing one is replaced.")],
) -> None:
    """Download the file of an export. Waits, with a bar, while it is being made."""
    finish(session, _named(session, export), output)


@command(application, "cancel", "exports cancel export-01abc")
def cancel(session: Session, export: ExportArgument) -> None:
    """Cancel an export that is being made."""
    name = session.name(Collection.USAGE_EXPORTS, export)
    _show(session, session.router.usage_exports.CancelUsageExport(CancelUsageExportRequest(name=name)))


@command(application, "delete", "exports delete export-01abc")
def delete(session: Session, export: ExportArgument) -> None:
    """Delete an export with its file. Others can be started in its place."""
    name = session.name(Collection.USAGE_EXPORTS, export)
    session.router.usage_exports.DeleteUsageExport(DeleteUsageExportRequest(name=name))
    session.output.remark(f"deleted {short_name(name)}")


@command(application, "share", "exports share export-01abc", "exports share export-01abc --ttl 24h")
def share(
    session: Session,
    export: ExportArgument,
    ttl: Annotated[str, Option(metavar="DURATION", text="How long the link works, such as 24h or 30d.")] = "7d",
) -> None:
    """Make a link with which anyone opens a report until it expires, without signing in. An earlier link of the export ends."""
    name = session.name(Collection.USAGE_EXPORTS, export)
    request = ShareUsageExportRequest(name=name, ttl=duration(parse_duration(ttl)))
    answer = session.router.usage_exports.ShareUsageExport(request)
    session.output.one(
        answer,
        [
            ("link", answer.link),
            ("secret", "" if answer.link else answer.secret),
            ("works until", answer.usage_export.share_expire_time.ToJsonString()),
        ],
    )


def _named(session: Session, export: str) -> UsageExport:
    name = session.name(Collection.USAGE_EXPORTS, export)
    found: UsageExport = session.router.usage_exports.GetUsageExport(GetUsageExportRequest(name=name))
    return found


def _show(session: Session, export: UsageExport) -> None:
    session.output.one(
        export,
        [
            ("export", short_name(export.name)),
            ("format", _format(export)),
            ("state", _state(export)),
            ("why", export.error_message),
            ("rows", f"{export.row_count:,}" if export.row_count else ""),
            ("bytes", f"{export.size_bytes:,}" if export.size_bytes else ""),
            ("ledger position", f"{export.ledger_position:,}" if export.ledger_position else ""),
            ("sha256", export.sha256),
            ("link", export.download_path),
            ("kept until", export.expire_time.ToJsonString()),
        ],
    )


def _format(export: UsageExport) -> str:
    return label(UsageExportFormat.Name(export.format), "USAGE_EXPORT_FORMAT_")


def _state(export: UsageExport) -> str:
    name = label(UsageExport.State.Name(export.state), "STATE_")
    return f"{name}, {export.progress_percent}%" if export.state == UsageExport.STATE_RUNNING else name
