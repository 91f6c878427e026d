"""Serves `megarouter.admin.v1.Accounts`."""

from collections.abc import Mapping
from typing import Final

import asyncpg
from megarouter.admin.v1 import account_pb2
from megarouter.admin.v1.account_pb2 import Account, User
from megarouter.admin.v1.member_pb2 import Member
from megarouter.admin.v1.organization_pb2 import Organization
from megarouter.type.v1.role_pb2 import Role

from admin_service.access.authorization import UserCaller, own_organization
from admin_service.access.directory import Grant
from admin_service.access.permissions import Permission
from admin_service.access.permissions import Role as RoleName
from admin_service.api.errors import permission_denied
from admin_service.api.names import GROUPS, MEMBERS, ResourceName, UserResourceName
from admin_service.api.timestamps import timestamp
from admin_service.listing.filter_sql import BooleanField, EnumField, TextField
from admin_service.listing.orders import SortColumn
from admin_service.listing.page_tokens import PageTokens
from admin_service.listing.reading import Listing
from admin_service.listing.sql_parameters import Condition
from admin_service.resources.accounts.store import (
    ACCOUNT_COLUMNS,
    ACCOUNTS,
    AccountRow,
    UserRow,
    act_for_user,
    acting_for_user,
    get_user,
)
from admin_service.resources.members.leaving import leave
from admin_service.resources.organizations.personal import PersonalAccounts
from admin_service.resources.organizations.store import choose_account
from admin_service.serving.change_transaction import Change, MakeChange
from admin_service.serving.guard import Handle, Rule
from gateway_core.stores.postgres.connections import Connection

_ACCOUNTS: Final = Listing(
    columns=ACCOUNT_COLUMNS,
    source=ACCOUNTS,
    make=AccountRow,
    permission=Permission.ACCOUNTS_READ,
    orders={"organization": SortColumn("a.organization_id")},
    unique=SortColumn("a.organization_id"),
    default_order="organization",
    fields={
        "display_name": TextField("a.display_name"),
        "kind": EnumField.of("a.kind", ("ORGANIZATION", "PERSONAL"), "KIND_"),
        "state": EnumField.of("a.organization_state", ("ACTIVE", "SUSPENDED", "DELETED"), "STATE_"),
        "role": EnumField.of("a.role", RoleName, "ROLE_"),
        "member_state": EnumField.of("a.member_state", ("ACTIVE", "SUSPENDED"), "STATE_"),
        "is_current": BooleanField("a.is_current"),
    },
    searched=("a.display_name",),
)


class AccountsApi:
    """The calling user and their accounts."""

    service = account_pb2.DESCRIPTOR.services_by_name["Accounts"]

    def __init__(self, pool: asyncpg.Pool, page_tokens: PageTokens, personal_accounts: PersonalAccounts) -> None:
        self._pool = pool
        self._page_tokens = page_tokens
        self._personal_accounts = personal_accounts
        self.handlers: Mapping[str, Handle] = {"GetUser": self.get_user, "ListMyAccounts": self.list}
        self.changes: Mapping[str, MakeChange] = {"LeaveOrganization": self.leave, "SwitchAccount": self.switch}
        self.rules: Mapping[str, Rule] = {}

    async def get_user(self, _request: account_pb2.GetUserRequest, caller: UserCaller) -> User:
        """GetUser returns the calling user with the current account."""
        async with acting_for_user(self._pool, caller.user, self._needed(caller.grant)) as connection:
            return _user_message(await self._user(connection, caller.user), caller.grant)

    async def list(
        self, request: account_pb2.ListMyAccountsRequest, caller: UserCaller
    ) -> account_pb2.ListMyAccountsResponse:
        """ListMyAccounts returns the caller's accounts. A credential for one organization lists only that one."""
        only = caller.grant.organization
        query = _ACCOUNTS.query(
            request, self._page_tokens, only or "",
            Condition("a.organization_id = {}", only) if only else Condition("true"),
            Condition("true") if self._personal_accounts.are_offered else Condition("a.kind <> 'PERSONAL'"),
            Condition("true") if request.show_deleted else Condition("a.organization_state <> 'DELETED'"),
        )  # fmt: skip
        async with acting_for_user(self._pool, caller.user, self._needed(caller.grant)) as connection:
            page = await query.read(connection)
        return account_pb2.ListMyAccountsResponse(
            accounts=[_account_message(row, caller.grant) for row in page.rows], next_page_token=page.next_page_token
        )

    async def switch(self, request: account_pb2.SwitchAccountRequest, change: Change) -> User:
        """SwitchAccount makes one of the caller's accounts the current one."""
        caller: UserCaller = change.caller
        organization = await own_organization(
            change.connection, change.caller, request.organization, Permission.ACCOUNTS_SWITCH
        )
        personal = await self._personal_accounts.enter(change.connection, caller.user)
        if organization == personal and not self._personal_accounts.are_offered:
            raise permission_denied(Permission.ACCOUNTS_SWITCH, request.organization)
        await act_for_user(change.connection, caller.user)
        before = await self._user(change.connection, caller.user)
        if before.current_account != organization:
            await choose_account(change.connection, caller.user, organization)
        after = await self._user(change.connection, caller.user)
        message = _user_message(after, caller.grant)
        if after != before:
            name = UserResourceName(caller.user)
            change.record(name, _user_message(before, caller.grant), message, organization=personal)
        return message

    async def leave(self, request: account_pb2.LeaveOrganizationRequest, change: Change) -> User:
        """LeaveOrganization ends the caller's membership. Their personal account then is the current one if this one was."""
        caller: UserCaller = change.caller
        organization = await own_organization(
            change.connection, caller, request.organization, Permission.ACCOUNTS_LEAVE
        )
        personal = await self._personal_accounts.enter(change.connection, caller.user)
        await act_for_user(change.connection, caller.user)
        was_current = (await self._user(change.connection, caller.user)).current_account == organization
        await leave(change, organization)
        if was_current:
            await choose_account(change.connection, caller.user, personal)
        return _user_message(await self._user(change.connection, caller.user), caller.grant)

    async def _user(self, connection: Connection, user: str) -> UserRow:
        return await get_user(connection, user, with_personal_account=self._personal_accounts.are_offered)

    def _needed(self, grant: Grant) -> PersonalAccounts | None:
        """Returns None if the credential is for one organization, because it then needs no personal account."""
        return None if grant.organization else self._personal_accounts


def _user_message(row: UserRow, grant: Grant) -> User:
    current = grant.organization or row.current_account
    return User(
        name=str(UserResourceName(row.user)),
        display_name=row.display_name,
        email=row.email or "",
        current_account=str(ResourceName(current)) if current else "",
        create_time=timestamp(row.create_time),
    )


def _account_message(row: AccountRow, grant: Grant) -> Account:
    return Account(
        organization=str(ResourceName(row.organization)),
        display_name=row.display_name,
        kind=Organization.Kind.Value(f"KIND_{row.kind}"),
        state=Organization.State.Value(f"STATE_{row.state}"),
        member=str(ResourceName(row.organization, MEMBERS, row.member)),
        role=Role.Value(f"ROLE_{row.role}"),
        group=str(ResourceName(row.organization, GROUPS, row.group)) if row.group else "",
        group_display_name=row.group_display_name,
        member_state=Member.State.Value(f"STATE_{row.member_state}"),
        is_current=row.is_current or row.organization == grant.organization,
    )
