"""The commands `megarouter usage`."""

from megarouter.admin.v1.messages import ListUsageFindingsRequest, UsageFinding

from megarouter_admin.command_line.parsing.commands import FilterOption, LimitOption, Section, SinceOption, command
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.filters import all_of, created_since
from megarouter_admin.command_line.values.names import short_name

application = Section()


def _kinds(finding: UsageFinding) -> str:
    return ", ".join(
        UsageFinding.Kind.Name(kind).removeprefix("KIND_").lower().replace("_", " ") for kind in finding.kinds
    )


@command(application, "findings", "usage findings --since 2026-11-01", "usage findings --filter 'kinds : unpriced'")
def list_findings(
    session: Session, since: SinceOption = "", filter_text: FilterOption = "", limit: LimitOption = 100
) -> None:
    """List calls whose usage report is not right, newest first."""
    found_since = created_since(since, session.now)
    request = ListUsageFindingsRequest(parent=session.organization, filter=all_of(filter_text, found_since))
    findings = session.listed(session.router.usage.ListUsageFindings, request, "usage_findings", limit)
    columns = [
        Column[UsageFinding]("when", lambda finding: session.ago(finding.create_time)),
        Column[UsageFinding]("found", _kinds),
        Column[UsageFinding]("model", lambda finding: short_name(finding.model)),
        Column[UsageFinding]("answered by", lambda finding: finding.answered_model),
        Column[UsageFinding](
            "by", lambda finding: finding.owner_display_name or short_name(finding.member or finding.service_account)
        ),
        Column[UsageFinding]("charged", lambda finding: format_credits(finding.charge_nano_credits)),
        Column[UsageFinding]("why", lambda finding: finding.reason),
    ]
    session.output.rows(columns, findings, "no findings")
