"""The command `megarouter operator audit`."""

from megarouter.admin.v1.messages import ListOperatorAuditLogEntriesRequest, OperatorAuditLogEntry

from megarouter_admin.command_line.parsing.commands import FilterOption, LimitOption, SinceOption, command
from megarouter_admin.command_line.rendering.output import as_json
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.resources.deployment.operators import application
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.changes import summary
from megarouter_admin.command_line.values.filters import all_of, created_since
from megarouter_admin.command_line.values.names import short_name


@command(
    application,
    "audit",
    "operator audit --since 2026-11-01",
    "operator audit --filter 'organization = \"organizations/acme\"' --limit 500",
)
def audit(session: Session, since: SinceOption = "", filter_text: FilterOption = "", limit: LimitOption = 100) -> None:
    """List what operators did, newest first."""
    request = ListOperatorAuditLogEntriesRequest(filter=all_of(filter_text, created_since(since, session.now)))
    found = session.listed(
        session.router.operators.ListOperatorAuditLogEntries, request, "operator_audit_log_entries", limit
    )
    columns = [
        Column[OperatorAuditLogEntry]("when", lambda entry: session.ago(entry.create_time)),
        Column[OperatorAuditLogEntry]("who", lambda entry: entry.user_display_name or entry.user or "settings"),
        Column[OperatorAuditLogEntry]("did", lambda entry: short_name(entry.method)),
        Column[OperatorAuditLogEntry](
            "organization", lambda entry: entry.organization_display_name or short_name(entry.organization)
        ),
        Column[OperatorAuditLogEntry]("to", lambda entry: "/".join(entry.resource.split("/")[2:]) or entry.resource),
        Column[OperatorAuditLogEntry]("changed", lambda entry: summary(as_json(entry.before), as_json(entry.after))),
        Column[OperatorAuditLogEntry]("from", lambda entry: entry.client_address),
    ]
    session.output.rows(columns, found, "no entries")
