"""The commands `megarouter members`."""

import enum
from typing import Annotated, Final

from megarouter.admin.v1.messages import (
    ChangeMemberRoleRequest,
    GetMemberRequest,
    LinkMemberIdentityRequest,
    ListMembersRequest,
    Member,
    MemberView,
    MoveMemberRequest,
    RemoveMemberRequest,
    ResumeMemberRequest,
    SuspendMemberRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    BelowOption,
    FilterOption,
    GroupOption,
    LimitOption,
    ReverseOption,
    RoleChoice,
    RoleOption,
    Section,
    YesOption,
    command,
    confirm,
    label,
    role,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.resources.people.member_files import export_members, import_members
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import budget_text, counted, format_credits
from megarouter_admin.command_line.values.filters import all_of, ordered_by, quoted
from megarouter_admin.command_line.values.names import short_name

application = Section()

MemberArgument = Annotated[str, Argument(metavar="MEMBER", text="Its id, name or e-mail address.")]


class MemberOrder(enum.StrEnum):
    """What members are ordered by."""

    SPENT = "spent"
    KEYS = "keys"
    CREATED = "created"


_ORDERS: Final = {
    MemberOrder.SPENT: "spent_nano_credits",
    MemberOrder.KEYS: "key_count",
    MemberOrder.CREATED: "create_time",
}
"""The fields of `order_by`."""


def _state(member: Member) -> str:
    return label(Member.State.Name(member.state), "STATE_")


def _budget(member: Member) -> int | None:
    """Returns what the cycle may cost, with what is carried into it."""
    return member.budget_nano_credits + member.carried_nano_credits if member.HasField("budget_nano_credits") else None


_COLUMNS = (
    Column[Member]("member", lambda member: short_name(member.name)),
    Column[Member]("name", lambda member: member.display_name),
    Column[Member]("e-mail", lambda member: member.email),
    Column[Member]("role", lambda member: role(member.role)),
    Column[Member]("group", lambda member: member.group_display_name or short_name(member.group)),
    Column[Member]("state", _state),
    Column[Member]("keys", lambda member: member.key_count, Kind.NUMBER),
    Column[Member]("spent", lambda member: member.spent_nano_credits, Kind.AMOUNT),
    Column[Member]("budget", _budget, Kind.AMOUNT),
)


def _show(session: Session, member: Member) -> None:
    budget = _budget(member)
    session.output.one(
        member,
        [
            ("member", member.name),
            ("user", member.user),
            ("name", member.display_name),
            ("e-mail", member.email),
            ("role", role(member.role)),
            ("group", member.group),
            ("state", _state(member)),
            ("keys", f"{member.key_count:,}"),
            ("spent", format_credits(member.spent_nano_credits)),
            ("budget", "" if budget is None else budget_text(budget, member.carried_nano_credits)),
            ("joined", session.ago(member.create_time)),
        ],
    )


@command(
    application,
    "list",
    "members list --group engineering --below",
    "members list --search fischer",
    "members list --sort spent --limit 10",
    "members list --role sub-admin --filter 'state = STATE_SUSPENDED'",
)
def list_members(
    session: Session,
    group: GroupOption = "",
    search: Annotated[str, Option(metavar="TEXT", text="Search in name and e-mail address.")] = "",
    with_role: Annotated[RoleChoice | None, Option("--role", metavar="ROLE", text="Only with this role.")] = None,
    filter_text: FilterOption = "",
    limit: LimitOption = 0,
    sort: Annotated[
        MemberOrder | None, Option("--sort", text="Largest or newest first: spent, keys or created.")
    ] = None,
    *,
    reverse: ReverseOption = False,
    below: BelowOption = False,
    removed: Annotated[bool, Option("--removed", text="Include removed members.")] = False,
) -> None:
    """List members, with spend and budget of the current cycle, and the total of it."""
    request = ListMembersRequest(
        parent=session.organization,
        group=session.group(group) if group else "",
        with_descendants=below,
        filter=all_of(
            filter_text, quoted(search) if search else "", f"role = ROLE_{with_role.name}" if with_role else ""
        ),
        show_removed=removed,
        view=MemberView.MEMBER_VIEW_FULL,
        order_by=ordered_by(_ORDERS[sort] if sort else None, reverse=reverse),
    )
    members = session.listed(session.router.members.ListMembers, request, "members", limit)
    session.output.rows(_COLUMNS, members, "no members")
    spent = format_credits(sum(member.spent_nano_credits for member in members))
    keys = sum(member.key_count for member in members)
    session.output.total(members, f"{counted(len(members), 'member')}, {counted(keys, 'key')}, {spent} credits spent")


@command(application, "show", "members show emma", "members show emma@acme.example --json")
def show(session: Session, member: MemberArgument) -> None:
    """Show a member."""
    _show(session, session.router.members.GetMember(GetMemberRequest(name=session.member(member))))


@command(application, "move", "members move emma --to product", "members move emma --to none")
def move(
    session: Session,
    member: MemberArgument,
    to: Annotated[str, Option(metavar="GROUP", text="New group; `none` for no group.")],
) -> None:
    """Move a member to another group. Keys, guardrail and spend move with them."""
    request = MoveMemberRequest(name=session.member(member), group=session.group(to))
    _show(session, session.router.members.MoveMember(request))


@command(
    application,
    "role",
    "members role emma --role sub-admin",
    "members role emma --role l1-admin --group engineering --yes",
)
def change_role(
    session: Session,
    member: MemberArgument,
    new_role: RoleOption,
    group: Annotated[str, Option(metavar="GROUP", text="New group; `none` for no group.")] = "",
    *,
    yes: YesOption = False,
) -> None:
    """Change a member's role, and the group if the role needs another."""
    name = session.member(member)
    present = session.router.members.GetMember(GetMemberRequest(name=name, view=MemberView.MEMBER_VIEW_BASIC))
    request = ChangeMemberRoleRequest(name=name, role=new_role.value_of_api(), etag=present.etag)
    if group:
        request.group = session.group(group)
    if not yes:
        place = request.group if group else present.group
        session.output.effect(
            [
                ("member", f"{present.display_name or present.email} ({name})"),
                ("from", f"{role(present.role)}{_in(present.group)}"),
                ("to", f"{new_role.value}{_in(place)}"),
                ("then may", _RIGHTS[new_role].format(group=short_name(place) or "a group: name it with --group")),
            ]
        )
        confirm(f"Change the role of {name}?", yes=yes)
    _show(session, session.router.members.ChangeMemberRole(request))


@command(application, "link", "members link emma --issuer https://login.example --subject 248289761001")
def link(
    session: Session,
    member: MemberArgument,
    issuer: Annotated[str, Option(metavar="URL", text="Identity provider, exactly as the settings name it.")],
    subject: Annotated[str, Option(metavar="SUBJECT", text="The person's id there, which their error message shows.")],
    *,
    yes: YesOption = False,
) -> None:
    """Link an identity at an identity provider to a member permanently, in this organization only."""
    name = session.member(member)
    confirm(f"Let whoever signs in as {subject} at {issuer} act as {name}? This cannot be undone.", yes=yes)
    request = LinkMemberIdentityRequest(name=name, issuer=issuer, subject=subject)
    _show(session, session.router.members.LinkMemberIdentity(request))


_RIGHTS: Final = {
    RoleChoice.SUPER_ADMIN: "manage the whole organization, its credit and its admins",
    RoleChoice.L1_ADMIN: "manage everything in and below {group}, and top up the pool",
    RoleChoice.SUB_ADMIN: "manage everything in and below {group}",
    RoleChoice.MEMBER: "manage only their own keys",
}


def _in(group: str) -> str:
    return f" in {short_name(group)}" if group else ""


@command(application, "suspend", "members suspend emma")
def suspend(session: Session, member: MemberArgument) -> None:
    """Suspend a member. Their keys are refused until they are resumed."""
    _show(session, session.router.members.SuspendMember(SuspendMemberRequest(name=session.member(member))))


@command(application, "resume", "members resume emma")
def resume(session: Session, member: MemberArgument) -> None:
    """Resume a suspended member."""
    _show(session, session.router.members.ResumeMember(ResumeMemberRequest(name=session.member(member))))


@command(application, "remove", "members remove emma --yes")
def remove(session: Session, member: MemberArgument, *, yes: YesOption = False) -> None:
    """Remove a member. Their keys are deleted permanently; their usage stays."""
    name = session.member(member)
    confirm(f"Remove {name}? Their keys are deleted permanently.", yes=yes)
    _show(session, session.router.members.RemoveMember(RemoveMemberRequest(name=name)))


command(
    application,
    "import",
    "members import people.csv --dry-run",
    "members import people.csv --create-groups --skip-errors",
)(import_members)
command(application, "export", "members export --out people.csv", "members export --group engineering --below")(
    export_members
)
