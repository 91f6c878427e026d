"""The commands `megarouter audit`."""

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from megarouter.admin.v1.messages import (
    AuditLogEntry,
    AuditLogFormat,
    ExportAuditLogEntriesRequest,
    GetAuditLogEntryRequest,
    ListAuditLogEntriesRequest,
)

from megarouter_admin.command_line.parsing.commands import FilterOption, LimitOption, Section, SinceOption, command
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.output import as_json
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import LARGEST_PAGE, Session
from megarouter_admin.command_line.values.changes import field_changes, summary
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
    """Returns the changed resource, with its name for people."""
    short = "/".join(entry.resource.split("/")[2:]) or entry.resource
    names = (
        one.fields[field].string_value
        for one in (entry.after, entry.before)
        for field in ("displayName", "scopeDisplayName")
        if field in one.fields
    )
    shown = next((name for name in names if name and name != short.rpartition("/")[2]), "")
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
        Column[AuditLogEntry]("changed", lambda entry: summary(*_sides(entry))),
        Column[AuditLogEntry]("from", lambda entry: entry.client_address),
        Column[AuditLogEntry]("entry", lambda entry: short_name(entry.name)),
    ]
    session.output.rows(columns, entries, "no entries")


def _sides(entry: AuditLogEntry) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Returns the resource before and after the change; empty if it did not exist."""
    return as_json(entry.before), as_json(entry.after)


@command(application, "show", "audit show ENTRY", "audit show ENTRY --json")
def show(session: Session, entry: Annotated[str, Argument(metavar="ENTRY", text="Its id or name.")]) -> None:
    """Show a change: who made it, from where, and every field before and after."""
    name = f"{session.organization}/auditLogEntries/{short_name(entry) or entry}"
    found = session.router.audit_log.GetAuditLogEntry(GetAuditLogEntryRequest(name=name))
    before, after = _sides(found)
    session.output.one(
        found,
        [
            ("entry", found.name),
            ("when", f"{found.create_time.ToJsonString()} ({session.ago(found.create_time)})"),
            ("who", f"{found.user_display_name} ({found.user})".removeprefix(" ")),
            ("role", found.role.lower().replace("_", "-")),
            ("token", found.access_token),
            ("did", short_name(found.method)),
            ("to", _resource(found)),
            *((change.field, str(change).partition(": ")[2]) for change in field_changes(before, after)),
            ("from", found.client_address),
            ("request id", found.request_id),
            ("call", found.call_id),
        ],
    )


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
