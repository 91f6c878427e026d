"""The rows of users and of their identities at issuers. A link is never changed or deleted."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import asyncpg

from admin_service.access.identity_tokens import ProviderUser
from gateway_core.stores.postgres.connections import Connection

_KNOWN: Final = """
SELECT user_id, email, display_name, only_organization_id FROM user_identities WHERE issuer = $1 AND subject = $2
"""
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1 || chr(10) || $2, 20))"
_ADD_USER: Final = """
INSERT INTO users (user_id, email, display_name) VALUES ($1, $2, $3) ON CONFLICT (email) DO NOTHING RETURNING user_id
"""
_LOCK_HOLDER: Final = "SELECT user_id FROM users WHERE email = $1 FOR NO KEY UPDATE"
# What an admin linked by hand does not keep the person from the user.
_HAS_IDENTITY: Final = """
SELECT EXISTS (SELECT FROM user_identities WHERE user_id = $1 AND only_organization_id IS NULL)
"""
_HAS_IDENTITY_AT: Final = """
SELECT EXISTS (SELECT FROM user_identities
                WHERE user_id = $1 AND only_organization_id IS NULL AND issuer = ANY ($2::text[]) AND email = $3)
"""
_ADD: Final = """
INSERT INTO user_identities (issuer, subject, user_id, email, display_name, only_organization_id) VALUES ($1, $2, $3, $4, $5, $6)
"""
_NOTE: Final = """
UPDATE user_identities SET email = coalesce($3, email), display_name = coalesce($4, display_name)
 WHERE issuer = $1 AND subject = $2
"""
_RENAME: Final = "UPDATE users SET display_name = $2 WHERE user_id = $1"
_READDRESS: Final = "UPDATE users SET email = $2 WHERE user_id = $1"
_NAME_AND_ADDRESS: Final = "SELECT display_name, coalesce(email, '') FROM users WHERE user_id = $1"


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    """An identity that is linked to a user, with what its issuer said last."""

    user: str
    email: str | None
    display_name: str | None
    only_organization: str | None = None
    """The only organization in which it is the user, because an admin there linked it; None for all."""

    def differs(self, email: str | None, identity: ProviderUser) -> bool:
        """Whether the issuer says something else now that the user follows. What it leaves out stays."""
        if self.only_organization:
            return False
        is_readdressed = email is not None and email != self.email
        return is_readdressed or (identity.has_name and identity.display_name != self.display_name)


@dataclass(frozen=True, slots=True)
class Holder:
    """The user who has an address."""

    user: str
    has_identity: bool
    """Whether somebody signs in as this user with an identity provider."""


async def find_identity(pool: asyncpg.Pool, issuer: str, subject: str) -> KnownIdentity | None:
    """Returns a linked identity, or None."""
    row = await pool.fetchrow(_KNOWN, issuer, subject)
    return KnownIdentity(*row) if row else None


async def lock_identity(connection: Connection, issuer: str, subject: str) -> KnownIdentity | None:
    """Returns a linked identity, or None. No other transaction links it until this one ends."""
    await connection.execute(_LOCK, issuer, subject)
    row = await connection.fetchrow(_KNOWN, issuer, subject)
    return KnownIdentity(*row) if row else None


async def lock_holder(connection: Connection, email: str | None) -> Holder | None:
    """Returns the user with an address, or None. No other transaction links this user until this one ends."""
    user = await connection.fetchval(_LOCK_HOLDER, email) if email else None
    # A statement of its own, so that it sees what the transaction that held the lock wrote.
    return Holder(user, await connection.fetchval(_HAS_IDENTITY, user)) if user else None


async def has_identity_at(connection: Connection, user: str, issuers: Collection[str], email: str) -> bool:
    """Whether one of the issuers said last that the user has this address."""
    return bool(await connection.fetchval(_HAS_IDENTITY_AT, user, list(issuers), email))


async def add_user(connection: Connection, user: str, email: str | None, display_name: str) -> str | None:
    """Stores a new user and returns the id, or None if the address is taken."""
    made: str | None = await connection.fetchval(_ADD_USER, user, email, display_name)
    return made


async def add_identity(
    connection: Connection, identity: ProviderUser, user: str, email: str | None, only_organization: str | None = None
) -> None:
    """Links an identity to a user for good, in one organization or in all.

    Raises:
        asyncpg.UniqueViolationError: it is linked. `lock_identity` shows that first.
    """
    name = identity.display_name if identity.has_name else None
    await connection.execute(_ADD, identity.issuer, identity.subject, user, email, name, only_organization)


async def note_identity(connection: Connection, identity: ProviderUser, email: str | None) -> None:
    """Stores what the issuer says now."""
    name = identity.display_name if identity.has_name else None
    await connection.execute(_NOTE, identity.issuer, identity.subject, email, name)


async def rename_user(connection: Connection, user: str, display_name: str) -> None:
    """Gives a user another name."""
    await connection.execute(_RENAME, user, display_name)


async def readdress_user(connection: Connection, user: str, email: str) -> bool:
    """Gives a user another address. Returns False if another user has it."""
    try:
        async with connection.transaction():
            await connection.execute(_READDRESS, user, email)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def name_and_address(connection: Connection, user: str) -> dict[str, str]:
    """Returns the name and the address of a user, as the audit log shows them."""
    row = await connection.fetchrow(_NAME_AND_ADDRESS, user)
    return {"displayName": row[0], "email": row[1]} if row else {}
