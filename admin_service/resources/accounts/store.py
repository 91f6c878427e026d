"""Users, and their memberships in organizations."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from admin_service.resources.organizations.personal import PersonalAccounts
from gateway_core.stores.postgres.connections import Connection

ACCOUNT_COLUMNS: Final = """
a.organization_id, a.display_name, a.kind, a.organization_state, a.member_id, a.role, a.member_state, a.group_id, a.is_current,
a.group_display_name
"""
# Reads across organizations, but only those that the user of `acting_for_user` is a member of: see `my_accounts` in the schema.
ACCOUNTS: Final = "my_accounts() a"

_ACT_FOR_USER: Final = "SELECT set_config('megarouter.user', $1, true)"
_USER: Final = f"""
SELECT u.user_id, u.display_name, u.email, u.create_time,
       (SELECT a.organization_id FROM {ACCOUNTS} WHERE a.is_current AND (a.kind <> 'PERSONAL' OR $2))
  FROM users u WHERE u.user_id = $1
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A user's membership in an organization."""

    organization: str
    display_name: str
    kind: str
    state: str
    member: str
    role: str
    member_state: str
    group: str | None
    is_current: bool
    group_display_name: str
    """Empty without a group."""


@dataclass(frozen=True, slots=True)
class UserRow:
    """A stored user."""

    user: str
    display_name: str
    email: str | None
    create_time: dt.datetime
    current_account: str | None
    """Id of the organization; None while the user has no account."""


async def act_for_user(connection: Connection, user: str) -> None:
    """Makes the transaction see the accounts of a user until it ends."""
    await connection.execute(_ACT_FOR_USER, user)


@asynccontextmanager
async def acting_for_user(
    pool: asyncpg.Pool, user: str, personal_accounts: PersonalAccounts | None
) -> AsyncIterator[Connection]:
    """Opens a transaction that sees the accounts of a user.

    With `personal_accounts` it first creates the user's personal account if there is none.
    """
    async with pool.acquire() as connection, connection.transaction():
        if personal_accounts:
            await personal_accounts.enter(connection, user)
        await act_for_user(connection, user)
        yield connection


async def get_user(connection: Connection, user: str, *, with_personal_account: bool) -> UserRow:
    """Returns the user that the transaction acts for. Without the personal account, it is never the current account.

    Raises:
        LookupError: there is no such user.
    """
    row = await connection.fetchrow(_USER, user, with_personal_account)
    if row is None:
        raise LookupError("no such user")
    return UserRow(*row)
