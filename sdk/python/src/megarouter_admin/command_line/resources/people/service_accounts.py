"""The commands `megarouter service-accounts`."""

import enum
from typing import Annotated, Final

from megarouter.admin.v1.messages import (
    CreateServiceAccountRequest,
    DeleteServiceAccountRequest,
    DisableServiceAccountRequest,
    EnableServiceAccountRequest,
    GetServiceAccountRequest,
    ListServiceAccountsRequest,
    MoveServiceAccountRequest,
    ServiceAccount,
    ServiceAccountView,
    UndeleteServiceAccountRequest,
    UpdateServiceAccountRequest,
)

from megarouter_admin.command_line.parsing.commands import (
    BelowOption,
    FilterOption,
    GroupOption,
    LimitOption,
    ReverseOption,
    Section,
    YesOption,
    command,
    confirm,
    label,
)
from megarouter_admin.command_line.parsing.options import Argument, Option
from megarouter_admin.command_line.rendering.tables import Column, Kind
from megarouter_admin.command_line.session import Session
from megarouter_admin.command_line.values.amounts import format_credits
from megarouter_admin.command_line.values.filters import all_of, ordered_by, quoted
from megarouter_admin.command_line.values.names import Collection, short_name

application = Section()

AccountArgument = Annotated[str, Argument(metavar="ACCOUNT", text="Its id or name, such as sa-build.")]
NameArgument = Annotated[str, Argument(metavar="NAME", text="Human-readable name.")]


class AccountOrder(enum.StrEnum):
    """What service accounts are ordered by."""

    SPENT = "spent"
    KEYS = "keys"
    CREATED = "created"


_ORDERS: Final = {
    AccountOrder.SPENT: "spent_nano_credits",
    AccountOrder.KEYS: "key_count",
    AccountOrder.CREATED: "create_time",
}
"""The fields of `order_by`."""


def _state(account: ServiceAccount) -> str:
    return label(ServiceAccount.State.Name(account.state), "STATE_")


def _budget(account: ServiceAccount) -> int | None:
    return account.budget_nano_credits if account.HasField("budget_nano_credits") else None


_COLUMNS = (
    Column[ServiceAccount]("service account", lambda account: short_name(account.name)),
    Column[ServiceAccount]("name", lambda account: account.display_name),
    Column[ServiceAccount]("group", lambda account: account.group_display_name or short_name(account.group)),
    Column[ServiceAccount]("state", _state),
    Column[ServiceAccount]("keys", lambda account: account.key_count, Kind.NUMBER),
    Column[ServiceAccount]("spent", lambda account: account.spent_nano_credits, Kind.AMOUNT),
    Column[ServiceAccount]("budget", _budget, Kind.AMOUNT),
)


def _show(session: Session, account: ServiceAccount) -> None:
    budget = _budget(account)
    session.output.one(
        account,
        [
            ("service account", account.name),
            ("name", account.display_name),
            (
                "group",
                f"{account.group_display_name} ({account.group})" if account.group_display_name else account.group,
            ),
            ("state", _state(account)),
            ("keys", f"{account.key_count:,}"),
            ("spent", format_credits(account.spent_nano_credits)),
            ("budget", "" if budget is None else format_credits(budget)),
            ("created", session.ago(account.create_time)),
        ],
    )


def _named(session: Session, account: str) -> str:
    return session.name(Collection.SERVICE_ACCOUNTS, account)


@command(
    application,
    "list",
    "service-accounts list",
    "service-accounts list --group engineering --below",
    "service-accounts list --sort spent",
)
def list_service_accounts(
    session: Session,
    group: GroupOption = "",
    search: Annotated[str, Option(metavar="TEXT", text="Search in the name.")] = "",
    filter_text: FilterOption = "",
    limit: LimitOption = 0,
    sort: Annotated[
        AccountOrder | None, Option("--sort", text="Largest or newest first: spent, keys or created.")
    ] = None,
    *,
    reverse: ReverseOption = False,
    below: BelowOption = False,
    deleted: Annotated[bool, Option("--deleted", text="Also deleted ones.")] = False,
) -> None:
    """List service accounts, with spend and budget of the current cycle."""
    request = ListServiceAccountsRequest(
        parent=session.organization,
        group=session.group(group) if group else "",
        with_descendants=below,
        filter=all_of(filter_text, quoted(search) if search else ""),
        show_deleted=deleted,
        view=ServiceAccountView.SERVICE_ACCOUNT_VIEW_FULL,
        order_by=ordered_by(_ORDERS[sort] if sort else None, reverse=reverse),
    )
    method = session.router.service_accounts.ListServiceAccounts
    accounts = session.listed(method, request, "service_accounts", limit)
    session.output.rows(_COLUMNS, accounts, "no service accounts")


@command(application, "show", "service-accounts show sa-build")
def show(session: Session, account: AccountArgument) -> None:
    """Show a service account."""
    request = GetServiceAccountRequest(name=_named(session, account))
    _show(session, session.router.service_accounts.GetServiceAccount(request))


@command(application, "create", "service-accounts create 'Build server' --id sa-build --group platform")
def create(
    session: Session,
    display_name: NameArgument,
    group: Annotated[str, Option(metavar="GROUP", text="Group that owns it. Default: the organization.")] = "",
    account_id: Annotated[str, Option("--id", metavar="ID", text="Begins with sa-. Default: generated.")] = "",
) -> None:
    """Create a service account. `megarouter keys create --service-account` makes keys for it."""
    account = ServiceAccount(display_name=display_name, group=session.group(group) if group else "")
    request = CreateServiceAccountRequest(
        parent=session.organization, service_account=account, service_account_id=account_id
    )
    _show(session, session.router.service_accounts.CreateServiceAccount(request))


@command(application, "rename", "service-accounts rename sa-build 'Nightly build'")
def rename(session: Session, account: AccountArgument, display_name: NameArgument) -> None:
    """Rename a service account."""
    changed = ServiceAccount(name=_named(session, account), display_name=display_name)
    request = UpdateServiceAccountRequest(service_account=changed)
    _show(session, session.router.service_accounts.UpdateServiceAccount(request))


@command(application, "move", "service-accounts move sa-build --to product")
def move(
    session: Session,
    account: AccountArgument,
    to: Annotated[str, Option(metavar="GROUP", text="New group; `none` for no group.")],
) -> None:
    """Move a service account to another group. Keys, guardrail and spend move with it."""
    request = MoveServiceAccountRequest(name=_named(session, account), group=session.group(to))
    _show(session, session.router.service_accounts.MoveServiceAccount(request))


@command(application, "disable", "service-accounts disable sa-build")
def disable(session: Session, account: AccountArgument) -> None:
    """Disable a service account. Calls with its keys are refused within a second."""
    request = DisableServiceAccountRequest(name=_named(session, account))
    _show(session, session.router.service_accounts.DisableServiceAccount(request))


@command(application, "enable", "service-accounts enable sa-build")
def enable(session: Session, account: AccountArgument) -> None:
    """Enable a disabled service account."""
    request = EnableServiceAccountRequest(name=_named(session, account))
    _show(session, session.router.service_accounts.EnableServiceAccount(request))


@command(application, "delete", "service-accounts delete sa-build --yes")
def delete(session: Session, account: AccountArgument, *, yes: YesOption = False) -> None:
    """Delete a service account. Its keys are deleted permanently; its usage stays."""
    name = _named(session, account)
    confirm(f"Delete {name}? Its keys are deleted permanently.", yes=yes)
    _show(session, session.router.service_accounts.DeleteServiceAccount(DeleteServiceAccountRequest(name=name)))


@command(application, "undelete", "service-accounts undelete sa-build")
def undelete(session: Session, account: AccountArgument) -> None:
    """Restore a deleted service account, without its keys."""
    request = UndeleteServiceAccountRequest(name=_named(session, account))
    _show(session, session.router.service_accounts.UndeleteServiceAccount(request))
