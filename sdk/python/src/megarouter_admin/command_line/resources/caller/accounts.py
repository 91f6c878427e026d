"""The commands `megarouter whoami` and `megarouter accounts`."""

from typing import Annotated

from megarouter.admin.v1.messages import (
    Account,
    GetUserRequest,
    LeaveOrganizationRequest,
    ListMyAccountsRequest,
    Member,
    SwitchAccountRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    LimitOption,
    Section,
    YesOption,
    command,
    confirm,
    label,
    role,
)
from megarouter_admin.command_line.parsing.options import Argument
from megarouter_admin.command_line.rendering.tables import Column
from megarouter_admin.command_line.resources.organizations import kind_of, state_of
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.names import organization_name, short_name
from megarouter_admin.command_line.values.times import relative

application = Section()
alone = Section()
"""Commands outside every section."""

_COLUMNS = (
    Column[Account]("organization", lambda account: short_name(account.organization)),
    Column[Account]("name", lambda account: account.display_name),
    Column[Account]("kind", lambda account: kind_of(account.kind)),
    Column[Account]("state", lambda account: state_of(account.state)),
    Column[Account]("role", lambda account: role(account.role)),
    Column[Account]("group", lambda account: account.group_display_name or short_name(account.group)),
    Column[Account]("you are", lambda account: label(Member.State.Name(account.member_state), "STATE_")),
    Column[Account]("current", lambda account: "yes" if account.is_current else ""),
)


@command(alone, "whoami", "whoami")
def whoami(session: Session) -> None:
    """Show who you are, how you signed in, and until when."""
    user = session.router.accounts.GetUser(GetUserRequest(name="users/me"))
    session.output.one(
        user,
        [
            ("user", user.name),
            ("name", user.display_name),
            ("e-mail", user.email),
            ("current account", user.current_account),
            ("organization", session.organization),
            ("signed in", session.endpoint.origin if session.endpoint else ""),
            ("ends", _end(session)),
        ],
    )


def _end(session: Session) -> str:
    """Returns when the token ends, or an empty text if that is not known."""
    ends = session.endpoint.expire_time if session.endpoint else None
    return f"{relative(ends, session.now)} ({ends:%Y-%m-%d %H:%M} UTC)" if ends else ""


@command(application, "list", "accounts list")
def list_accounts(session: Session, limit: LimitOption = 0) -> None:
    """List your accounts."""
    accounts = session.listed(session.router.accounts.ListMyAccounts, ListMyAccountsRequest(), "accounts", limit)
    session.output.rows(_COLUMNS, accounts, "no accounts")


@command(application, "switch", "accounts switch acme")
def switch(
    session: Session,
    account: Annotated[str, Argument(metavar="ORG", text="The organization.")],
) -> None:
    """Make an account the current one. Commands use it when they name no organization."""
    user = session.router.accounts.SwitchAccount(SwitchAccountRequest(organization=organization_name(account)))
    session.output.one(user, [("current account", user.current_account)])


@command(application, "leave", "accounts leave acme")
def leave(
    session: Session,
    account: Annotated[str, Argument(metavar="ORG", text="The organization.")],
    *,
    yes: YesOption = False,
) -> None:
    """Leave an organization. Your keys there are deleted permanently; its credit stays with it."""
    organization = organization_name(account)
    confirm(f"Leave {organization}? Your keys there are deleted permanently.", yes=yes)
    user = session.router.accounts.LeaveOrganization(LeaveOrganizationRequest(organization=organization))
    session.output.one(user, [("left", organization), ("current account", user.current_account)])
