"""The commands `megarouter operator`, for the operators of the deployment."""

from typing import Annotated, Final

from megarouter.admin.v1.messages import (
    ApproveTopUpRequestRequest,
    GetOrganizationSummaryRequest,
    GrantCreditRequest,
    IssueSignInLinkRequest,
    LinkUserIdentityRequest,
    ListOrganizationSummariesRequest,
    OrganizationSummary,
    RejectTopUpRequestRequest,
    RestoreAccountRequest,
    SearchTopUpRequestsRequest,
    SetCreditLineRequest,
    SuspendAccountRequest,
    TopUpRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    FilterOption,
    LimitOption,
    Section,
    YesOption,
    command,
    confirm,
    label,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.repeatable import AmountArgument, RequestIdOption, repeatable
from megarouter_admin.command_line.resources.access.sign_in_links import show_new_link
from megarouter_admin.command_line.resources.credits.pool import line_facts, request_columns
from megarouter_admin.command_line.resources.organizations import kind_of, state_of
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits, parse_credits
from megarouter_admin.command_line.values.filters import all_of
from megarouter_admin.command_line.values.names import Collection, full_name, organization_name, short_name
from megarouter_admin.command_line.values.times import duration, parse_duration

application = Section()

UNLIMITED: Final = "unlimited"

OfArgument = Annotated[str, Argument(metavar="ORG", text="An organization or personal account.")]
RequestArgument = Annotated[
    str, Argument(metavar="REQUEST", text="organizations/ORG/topUpRequests/ID, or ID with --organization.")
]
ReasonOption = Annotated[str, Option(metavar="TEXT", text="Reason, shown to the organization.")]


def _summary_name(text: str) -> str:
    return f"{organization_name(text)}/summary"


def _show(session: Session, summary: OrganizationSummary) -> None:
    by_operator = " by an operator" if summary.is_suspended_by_operator else ""
    session.output.one(
        summary,
        [
            ("organization", organization_of(summary.name)),
            ("name", summary.display_name),
            ("kind", kind_of(summary.kind)),
            ("state", state_of(summary.state) + by_operator),
            ("balance", f"{format_credits(summary.balance_nano_credits)} credits"),
            *line_facts(summary.credit_line),
            ("topped up", f"{format_credits(summary.topped_up_nano_credits)} credits"),
            ("granted and adjusted", f"{format_credits(summary.adjusted_nano_credits)} credits"),
            ("spent", f"{format_credits(summary.spent_nano_credits)} credits"),
            ("pending requests", str(summary.pending_request_count)),
            ("created", session.ago(summary.create_time)),
        ],
    )


def organization_of(name: str) -> str:
    """Returns the id of the organization in a resource name."""
    return name.split("/")[1]


def _line(summary: OrganizationSummary) -> str:
    line = summary.credit_line
    return UNLIMITED if line.is_unlimited else format_credits(line.line_nano_credits)


@command(application, "organizations", "operator organizations", "operator organizations --filter 'state = SUSPENDED'")
def organizations(session: Session, filter_text: FilterOption = "", limit: LimitOption = 100) -> None:
    """List all organizations and personal accounts with balance, credit line and state."""
    request = ListOrganizationSummariesRequest(filter=filter_text)
    found = session.listed(session.router.operators.ListOrganizationSummaries, request, "organization_summaries", limit)
    columns = [
        Column[OrganizationSummary]("organization", lambda one: organization_of(one.name)),
        Column[OrganizationSummary]("name", lambda one: one.display_name),
        Column[OrganizationSummary]("kind", lambda one: kind_of(one.kind)),
        Column[OrganizationSummary]("state", lambda one: state_of(one.state)),
        Column[OrganizationSummary]("balance", lambda one: one.balance_nano_credits, Kind.AMOUNT),
        Column[OrganizationSummary]("spent", lambda one: one.spent_nano_credits, Kind.AMOUNT),
        Column[OrganizationSummary]("credit line", _line, Kind.MEASURE),
        Column[OrganizationSummary]("used", lambda one: one.credit_line.used_nano_credits, Kind.AMOUNT),
        Column[OrganizationSummary]("requests", lambda one: one.pending_request_count, Kind.NUMBER),
    ]
    session.output.rows(columns, found, "no organizations")


@command(application, "show", "operator show acme")
def show(session: Session, of: OfArgument) -> None:
    """Show the balance, credit line, totals and state of an organization."""
    request = GetOrganizationSummaryRequest(name=_summary_name(of))
    _show(session, session.router.operators.GetOrganizationSummary(request))


@command(application, "credit-line", "operator credit-line acme 5000", "operator credit-line acme unlimited --yes")
def credit_line(
    session: Session,
    of: OfArgument,
    line: Annotated[str, Argument(metavar="CREDITS", text="Such as 5000, or `unlimited`.")],
    *,
    yes: YesOption = False,
) -> None:
    """Set how much an organization may top up in sum without an operator."""
    request = SetCreditLineRequest(name=_summary_name(of))
    if line == UNLIMITED:
        confirm(f"Let {of} top up without a limit?", yes=yes)
        request.is_unlimited = True
    else:
        request.line_nano_credits = parse_credits(line)
    _show(session, session.router.operators.SetCreditLine(request))


@command(
    application,
    "grant",
    "operator grant acme 100 --reason goodwill",
    "operator grant personal-01abc 5 --reason 'a trial'",
)
def grant(
    session: Session,
    of: OfArgument,
    amount: AmountArgument,
    reason: ReasonOption = "",
    request_id: RequestIdOption = "",
) -> None:
    """Give credit to an organization or personal account without payment. It does not use the credit line."""
    with repeatable(session, request_id) as identified:
        request = GrantCreditRequest(
            name=_summary_name(of), amount_nano_credits=parse_credits(amount), reason=reason, request_id=identified
        )
        answer = session.router.operators.GrantCredit(request)
    session.output.one(
        answer,
        [
            ("granted", f"{format_credits(answer.credit_transaction.amount_nano_credits)} credits"),
            ("balance", f"{format_credits(answer.balance.balance_nano_credits)} credits"),
        ],
    )


@command(
    application, "requests", "operator requests", "operator requests --all --filter 'organization = organizations/acme'"
)
def requests(
    session: Session,
    filter_text: FilterOption = "",
    limit: LimitOption = 100,
    *,
    every: Annotated[bool, Option("--all", text="Also the requests that are decided.")] = False,
) -> None:
    """List the top-ups of all organizations that wait for a decision, newest first."""
    request = SearchTopUpRequestsRequest(filter=filter_text if every else all_of(filter_text, "state = PENDING"))
    found = session.listed(session.router.operators.SearchTopUpRequests, request, "top_up_requests", limit)
    organization = Column[TopUpRequest]("organization", lambda one: organization_of(one.name))
    session.output.rows([organization, *request_columns(session)], found, "no requests")


@command(application, "approve", "operator approve organizations/acme/topUpRequests/topup-01abc")
def approve(session: Session, request: RequestArgument, reason: ReasonOption = "") -> None:
    """Approve a top-up request. Its credit is added once."""
    name = _request_name(session, request)
    _show_request(
        session, session.router.operators.ApproveTopUpRequest(ApproveTopUpRequestRequest(name=name, reason=reason))
    )


@command(
    application, "reject", "operator reject organizations/acme/topUpRequests/topup-01abc --reason 'no purchase order'"
)
def reject(session: Session, request: RequestArgument, reason: ReasonOption = "") -> None:
    """Reject a top-up request, with a reason."""
    name = _request_name(session, request)
    _show_request(
        session, session.router.operators.RejectTopUpRequest(RejectTopUpRequestRequest(name=name, reason=reason))
    )


def _request_name(session: Session, text: str) -> str:
    organization = "" if text.startswith("organizations/") else session.organization
    return full_name(organization, Collection.TOP_UP_REQUESTS, text)


def _show_request(session: Session, request: TopUpRequest) -> None:
    session.output.one(
        request,
        [
            ("request", short_name(request.name)),
            ("organization", organization_of(request.name)),
            ("credits", format_credits(request.amount_nano_credits)),
            ("by", request.user),
            ("reason", request.reason),
            ("state", label(TopUpRequest.State.Name(request.state), "STATE_")),
            ("decision", request.decision_reason),
        ],
    )


@command(application, "suspend", "operator suspend acme --yes")
def suspend(session: Session, of: OfArgument, *, yes: YesOption = False) -> None:
    """Suspend an organization or personal account. Only an operator can restore it."""
    name = _summary_name(of)
    confirm(f"Suspend {of}? All its keys will be refused.", yes=yes)
    _show(session, session.router.operators.SuspendAccount(SuspendAccountRequest(name=name)))


@command(application, "restore", "operator restore acme")
def restore(session: Session, of: OfArgument) -> None:
    """End the suspension of an organization or personal account."""
    _show(session, session.router.operators.RestoreAccount(RestoreAccountRequest(name=_summary_name(of))))


@command(
    application,
    "link",
    "operator link organizations/acme/members/emma --issuer https://login.example --subject 248289761001",
)
def link(
    session: Session,
    member: Annotated[str, Argument(metavar="MEMBER", text="organizations/ORG/members/ID, or ID with --organization.")],
    issuer: Annotated[str, Option(metavar="URL", text="Identity provider, exactly as the settings name it.")],
    subject: Annotated[str, Option(metavar="SUBJECT", text="The person's id there, which their error message shows.")],
    *,
    yes: YesOption = False,
) -> None:
    """Link an identity at an identity provider to a member's user permanently, in all organizations of the user."""
    organization = "" if member.startswith("organizations/") else session.organization
    name = full_name(organization, Collection.MEMBERS, member)
    confirm(f"Let whoever signs in as {subject} at {issuer} act as the user of {name}? This cannot be undone.", yes=yes)
    request = LinkUserIdentityRequest(name=name, issuer=issuer, subject=subject)
    answer = session.router.operators.LinkUserIdentity(request)
    session.output.one(answer, [("linked to", answer.member)])


@command(application, "sign-in-link", "operator sign-in-link organizations/acme/members/olivia --ttl 10m")
def sign_in_link(
    session: Session,
    member: Annotated[str, Argument(metavar="MEMBER", text="organizations/ORG/members/ID, or ID with --organization.")],
    ttl: Annotated[
        str, Option(metavar="DURATION", text="How long it is valid, such as 10m. Default: the longest.")
    ] = "",
) -> None:
    """Create a link with which a member of any role signs in once, such as the first Super Admin of an organization."""
    organization = "" if member.startswith("organizations/") else session.organization
    name = full_name(organization, Collection.MEMBERS, member)
    request = IssueSignInLinkRequest(name=name, ttl=duration(parse_duration(ttl)) if ttl else None)
    show_new_link(session, session.router.operators.IssueSignInLink(request))
