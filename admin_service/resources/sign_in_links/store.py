"""The rows of sign-in links. This module writes the hash of a secret and never reads it."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from gateway_core.stores.postgres.connections import Connection

# Matches `SignInLink.State`.
STATE: Final = """
CASE WHEN l.use_time IS NOT NULL THEN 'USED' WHEN l.revoke_time IS NOT NULL THEN 'REVOKED'
     WHEN l.expire_time <= now() THEN 'EXPIRED' ELSE 'PENDING' END
"""
COLUMNS: Final = f"""
l.organization_id, l.sign_in_link_id, l.member_id, l.maker_user_id, l.maker_member_id, l.expire_time, ({STATE}), l.create_time,
l.use_time, l.revoke_time, l.access_token_id, m.user_id, m.role, m.group_path, m.state,
coalesce(nullif(u.display_name, ''), u.email, ''),
coalesce((SELECT coalesce(nullif(c.display_name, ''), c.email) FROM users c WHERE c.user_id = l.maker_user_id), '')
"""  # noqa: S608
SOURCE: Final = """
sign_in_links l
JOIN members m ON m.organization_id = l.organization_id AND m.member_id = l.member_id
JOIN users u ON u.user_id = m.user_id
"""
_GET: Final = f"SELECT {COLUMNS} FROM {SOURCE} WHERE l.organization_id = $1 AND l.sign_in_link_id = $2"  # noqa: S608
_PENDING: Final = f"""
SELECT {COLUMNS} FROM {SOURCE} WHERE l.organization_id = $1 AND l.member_id = $2 AND {STATE} = 'PENDING' ORDER BY l.sign_in_link_id
"""  # noqa: S608
_ADD: Final = """
INSERT INTO sign_in_links (organization_id, sign_in_link_id, member_id, secret_hash, maker_user_id, maker_member_id, expire_time)
VALUES ($1, $2, $3, $4, $5, $6, now() + $7)
"""
_REVOKE: Final = """
UPDATE sign_in_links SET revoke_time = now() WHERE organization_id = $1 AND sign_in_link_id = $2 AND use_time IS NULL
"""
_USE: Final = """
UPDATE sign_in_links SET use_time = now(), access_token_id = $3
 WHERE organization_id = $1 AND sign_in_link_id = $2 AND use_time IS NULL AND revoke_time IS NULL AND expire_time > now()
RETURNING true
"""


@dataclass(frozen=True, slots=True)
class SignInLinkRow:
    """A stored sign-in link, with its member as they are now."""

    organization: str
    link: str
    member: str
    maker: str
    """The user who made it."""
    maker_member: str | None
    """None if the maker was an operator."""
    expire_time: dt.datetime
    state: str
    """By the database's clock when the statement ran."""
    create_time: dt.datetime
    use_time: dt.datetime | None
    revoke_time: dt.datetime | None
    access_token: str | None
    user: str
    role: str
    group_path: list[str]
    member_state: str
    member_display_name: str
    maker_display_name: str
    """Name or address."""


async def get_link(connection: Connection, organization: str, link: str) -> SignInLinkRow | None:
    """Returns a link, usable or not, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, link)
    return SignInLinkRow(*row) if row else None


async def pending_links(connection: Connection, organization: str, member: str) -> list[SignInLinkRow]:
    """Returns the links for a member that can be used."""
    return [SignInLinkRow(*row) for row in await connection.fetch(_PENDING, organization, member)]


async def add_link(
    connection: Connection,
    organization: str,
    link: str,
    member: str,
    secret_hash: bytes,
    maker: tuple[str, str | None],
    life: dt.timedelta,
) -> None:
    """Stores a new link. The maker is a user, and a member unless the user acts as an operator."""
    await connection.execute(_ADD, organization, link, member, secret_hash, *maker, life)


async def revoke_link(connection: Connection, organization: str, link: str) -> None:
    """Revokes a link that is not used."""
    await connection.execute(_REVOKE, organization, link)


async def use_link(connection: Connection, organization: str, link: str, access_token: str) -> bool:
    """Marks a link as used for an access token. Returns False if it cannot be used anymore."""
    return await connection.fetchval(_USE, organization, link, access_token) is True
