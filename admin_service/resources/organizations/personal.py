"""Personal accounts: the organization of a single user, created when it is first needed.

It has no groups, invites or other members. It holds the audit log of what its user changes about their own account.
"""

from collections.abc import Callable
from typing import Final

import grpc
from megarouter.type.v1.error_reason_pb2 import ErrorReason

from admin_service.access.directory import is_personal
from admin_service.api.errors import AdminError
from admin_service.resources.organizations.store import OrganizationSettings, add_organization, add_super_admin
from gateway_core.stores.postgres.connections import Connection
from gateway_core.stores.postgres.organization_wall import act_for

_MAX_NAME: Final = 200
_NO_OTHERS: Final = "A personal account cannot have groups, invites or other members. Create an organization."
_FIND: Final = "SELECT personal_organization_id FROM users WHERE user_id = $1"
_LOCK: Final = "SELECT personal_organization_id, display_name FROM users WHERE user_id = $1 FOR NO KEY UPDATE"
_LINK: Final = "UPDATE users SET personal_organization_id = $2 WHERE user_id = $1"


class PersonalAccounts:
    """Finds and creates personal accounts."""

    def __init__(self, make_id: Callable[[str], str], *, are_offered: bool) -> None:
        """Prepares it.

        Args:
            make_id: returns a new id with a prefix.
            are_offered: whether users see and use their personal accounts. Otherwise the accounts only hold their audit logs.
        """
        self._make_id = make_id
        self.are_offered = are_offered

    async def enter(self, connection: Connection, user: str) -> str:
        """Makes the transaction act for the user's personal account, creating it if needed.

        Args:
            connection: in a transaction. It acts for the account afterward, and for no other organization.
            user: id of an existing user.

        Returns:
            The id of the account.

        Raises:
            LookupError: there is no such user.
        """
        found: str | None = await connection.fetchval(_FIND, user)
        if found is None:
            return await self._made(connection, user)
        await act_for(connection, [found])
        return found

    async def _made(self, connection: Connection, user: str) -> str:
        """Locks the user's row, so that concurrent calls create one account."""
        row = await connection.fetchrow(_LOCK, user)
        if row is None:
            raise LookupError("no such user")
        account = str(row["personal_organization_id"] or self._make_id("personal"))
        await act_for(connection, [account])
        if row["personal_organization_id"] is None:
            name = row["display_name"].strip()[:_MAX_NAME] or "Personal account"
            await add_organization(connection, account, OrganizationSettings(name), kind="PERSONAL")
            await add_super_admin(connection, account, self._make_id("mem"), user)
            await connection.execute(_LINK, user, account)
        return account


async def refuse_in_personal_account(connection: Connection, organization: str, message: str = _NO_OTHERS) -> None:
    """Refuses what a personal account does not allow: by default, groups, invites or other members.

    The transaction must act for the organization.

    Raises:
        AdminError: PERSONAL_ACCOUNT.
    """
    if await is_personal(connection, organization):
        raise personal_account_error(message)


def personal_account_error(message: str) -> AdminError:
    """The error for something that a personal account does not have or allow."""
    return AdminError(grpc.StatusCode.FAILED_PRECONDITION, ErrorReason.PERSONAL_ACCOUNT, message)
