"""The rows of access tokens. This module writes the hash of a secret and never reads it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import Connection

COLUMNS: Final = """
t.user_id, t.access_token_id, t.display_name, t.obfuscated_token, t.only_organization_id, t.permissions, t.expire_time,
t.create_time, t.revoke_time, t.expire_time <= now() AS is_expired, t.issuer
"""

# Matches `AccessToken.State`. A token that is both revoked and expired counts as revoked.
STATE: Final = """
CASE WHEN t.revoke_time IS NOT NULL THEN 'REVOKED' WHEN t.expire_time <= now() THEN 'EXPIRED' ELSE 'ACTIVE' END
"""

_GET: Final = f"SELECT {COLUMNS} FROM access_tokens t WHERE t.user_id = $1 AND t.access_token_id = $2"  # noqa: S608
_ADD: Final = f"""
INSERT INTO access_tokens AS t (user_id, access_token_id, secret_hash, display_name, obfuscated_token, only_organization_id,
                                permissions, expire_time, may_operate, issuer, super_admin_end_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING {COLUMNS}
"""  # noqa: S608
_REVOKE: Final = f"""
UPDATE access_tokens t SET revoke_time = now() WHERE t.user_id = $1 AND t.access_token_id = $2 RETURNING {COLUMNS}
"""  # noqa: S608
_NOW: Final = "SELECT now()"
_END: Final = """
SELECT expire_time FROM access_tokens WHERE access_token_id = $1 AND revoke_time IS NULL AND expire_time > now() FOR SHARE
"""


@dataclass(frozen=True, slots=True)
class AccessTokenRow:
    """A stored access token."""

    user: str
    access_token: str
    display_name: str
    obfuscated_token: str
    organization: str | None
    permissions: Sequence[str] | None
    """Values of `Permission`; None for all."""
    expire_time: dt.datetime
    create_time: dt.datetime
    revoke_time: dt.datetime | None
    is_expired: bool
    """By the database's clock when the statement ran."""
    issuer: str
    """Empty without a sign-in."""


@dataclass(frozen=True, slots=True)
class NewAccessToken:
    """An access token to store."""

    user: str
    access_token: str
    secret_hash: bytes
    display_name: str
    obfuscated_token: str
    organization: str | None
    permissions: Sequence[str] | None
    expire_time: dt.datetime
    may_operate: bool
    """Whether the credential that creates it is an operator's."""
    issuer: str
    """Of the sign-in that creates it, or of the token that does; empty without one."""
    super_admin_end_time: dt.datetime
    """Until when it carries the rights of a Super Admin."""


async def get_access_token(connection: Connection, user: str, access_token: str) -> AccessTokenRow | None:
    """Returns the user's token, revoked or not, or None if there is none."""
    row = await connection.fetchrow(_GET, user, access_token)
    return AccessTokenRow(*row) if row else None


async def add_access_token(connection: Connection, new: NewAccessToken) -> AccessTokenRow:
    """Stores a new token and returns its row."""
    row = await connection.fetchrow(
        _ADD, new.user, new.access_token, new.secret_hash, new.display_name, new.obfuscated_token, new.organization,
        new.permissions, new.expire_time, new.may_operate, new.issuer, new.super_admin_end_time,
    )  # fmt: skip
    if row is None:
        raise AssertionError("an INSERT that did not fail returns its row")
    return AccessTokenRow(*row)


async def revoke_access_token(connection: Connection, user: str, access_token: str) -> AccessTokenRow:
    """Revokes a token and returns its row.

    Raises:
        LookupError: the token does not exist.
    """
    row = await connection.fetchrow(_REVOKE, user, access_token)
    if row is None:
        raise LookupError("no such access token")
    return AccessTokenRow(*row)


async def now_of(connection: Connection) -> dt.datetime:
    """Returns the time at which the transaction started."""
    now: dt.datetime = await connection.fetchval(_NOW)
    return now


async def end_of_access_token(connection: Connection, access_token: str) -> dt.datetime | None:
    """Returns when a token expires, or None if it is revoked or expired.

    Locks the row, so the token cannot be revoked until the transaction ends.
    """
    end: dt.datetime | None = await connection.fetchval(_END, access_token)
    return end
