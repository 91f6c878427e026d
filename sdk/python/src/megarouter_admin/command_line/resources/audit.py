"""The commands `megarouter audit`."""

import enum
from pathlib import Path
from typing import Annotated

from megarouter.admin.v1.messages import (
    AuditLogEntry,
    AuditLogFormat,
    ExportAuditLogEntriesRequest,
    ListAuditLogEntriesRequest,
)

from megarouter_admin.command_line.parsing.commands import FilterOption, LimitOption, Section, SinceOption, command
from megarouter_admin.command_line.parsing.options import Option
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import LARGEST_PAGE, Session
from megarouter_admin.command_line.values.filters import all_of, created_since
from megarouter_admin.command_line.values.names import short_name
from megarouter_admin.paging import pages

application = Section()


class FormatChoice(enum.StrEnum):
    """Formats of an export."""

    CSV = "csv"
    JSON_LINES = "json-lines"


def _filter(session: Session, since: str, filter_text: str) -> str:
    return all_of(filter_text, created_since(since, session.now))


def _resource(entry: AuditLogEntry) -> str:
    """Returns the changed resource; a member with the name."""
    short = "/".join(entry.resource.split("/")[2:]) or entry.resource
    if not short.startswith("members/"):
        return short
    shown = next((one.fields["displayName"].string_value for one in (entry.after, entry.before) if one.fields), "")
    return f"{short} ({shown})" if shown else short


@command(
    application, "list", "audit list --since 2026-11-01", "audit list --filter 'method : RotateApiKey' --limit 500"
)
def list_entries(
    session: Session, since: SinceOption = "", filter_text: FilterOption = "", limit: LimitOption = 100
) -> None:
    """List changes, newest first."""
    request = ListAuditLogEntriesRequest(parent=session.organization, filter=_filter(session, since, filter_text))
    entries = session.listed(session.router.audit_log.ListAuditLogEntries, request, "audit_log_entries", limit)
    columns = [
        Column[AuditLogEntry]("when", lambda entry: session.ago(entry.create_time)),
        Column[AuditLogEntry]("who", lambda entry: entry.user_display_name or short_name(entry.member) or entry.user),
        Column[AuditLogEntry]("role", lambda entry: entry.role.lower().replace("_", "-")),
        Column[AuditLogEntry]("did", lambda entry: short_name(entry.method)),
        Column[AuditLogEntry]("to", _resource),
        Column[AuditLogEntry]("from", lambda entry: entry.client_address),
        Column[AuditLogEntry]("call", lambda entry: entry.call_id),
    ]
    session.output.rows(columns, entries, "no entries")


@command(
    application,
    "export",
    "audit export --format csv --out changes.csv",
    "audit export --since 2026-11-01 > changes.jsonl",
)
def export(
    session: Session,
    since: SinceOption = "",
    filter_text: FilterOption = "",
    form: Annotated[FormatChoice, Option("--format", text="Output format.")] = FormatChoice.JSON_LINES,
    out: Annotated[Path | None, Option(metavar="FILE", text="Output file. Default: standard output.")] = None,
) -> None:
    """Export all changes, newest first."""
    request = ExportAuditLogEntriesRequest(
        parent=session.organization,
        format=AuditLogFormat.Value(f"AUDIT_LOG_FORMAT_{form.name}"),
        filter=_filter(session, since, filter_text),
        page_size=LARGEST_PAGE,
    )
    contents = (page.content for page in pages(session.router.audit_log.ExportAuditLogEntries, request))
    if out is None:
        for content in contents:
            session.output.document(content)
        return
    partial = out.with_name(f"{out.name}.partial")
    try:
        # Keep the newlines that the service wrote: CSV uses \r\n.
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.writelines(contents)
        partial.replace(out)
    except OSError as failed:
        raise ValueError(f"cannot write {out}: {failed.strerror}") from failed
    finally:
        partial.unlink(missing_ok=True)
