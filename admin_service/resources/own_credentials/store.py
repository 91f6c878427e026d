"""The rows of keys that organizations have at providers themselves."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from admin_service.resources.catalog_changes.store import NAME_OF_USER
from gateway_core.stores.postgres.connections import Connection

COLUMNS: Final = (
    f"c.organization_id, c.provider_id, c.fingerprint, c.set_by, c.set_time, c.gateway_fallback, {NAME_OF_USER}"
)
SOURCE: Final = "organization_provider_credentials c LEFT JOIN users u ON u.user_id = c.set_by"
LIVE: Final = "c.organization_id = {} AND c.live"

_LIVE: Final = f"SELECT {COLUMNS} FROM {SOURCE} WHERE c.organization_id = $1 AND c.live ORDER BY c.provider_id"  # noqa: S608
_ADD: Final = """
INSERT INTO organization_provider_credentials
    (organization_id, provider_id, credential_id, sealed, fingerprint, set_by, set_time, gateway_fallback)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_DELETE_WAITING: Final = """
DELETE FROM organization_provider_credentials WHERE organization_id = $1 AND provider_id = $2 AND NOT live
"""
_IS_THERE: Final = """
SELECT FROM organization_provider_credentials WHERE organization_id = $1 AND provider_id = $2 AND credential_id = $3 FOR UPDATE
"""
_DELETE_OTHERS: Final = """
DELETE FROM organization_provider_credentials WHERE organization_id = $1 AND provider_id = $2 AND credential_id <> $3
"""
_MAKE_LIVE: Final = """
UPDATE organization_provider_credentials SET live = true WHERE organization_id = $1 AND provider_id = $2 AND credential_id = $3
"""
_DELETE: Final = "DELETE FROM organization_provider_credentials WHERE organization_id = $1 AND provider_id = $2"
_COUNT_ALL: Final = "SELECT count(*) FROM sealed_own_credentials()"


@dataclass(frozen=True, slots=True)
class OwnCredentialRow:
    """What is known of a key, besides the key."""

    organization: str
    provider: str
    fingerprint: str
    set_by: str
    set_time: dt.datetime
    gateway_fallback: bool
    setter_name: str


async def live_credentials(connection: Connection, organization: str) -> list[OwnCredentialRow]:
    """Returns the keys that calls of an organization carry, ordered by provider."""
    return [OwnCredentialRow(*row) for row in await connection.fetch(_LIVE, organization)]


async def add_credential(connection: Connection, row: OwnCredentialRow, credential: str, sealed: bytes) -> None:
    """Adds a key that no call carries yet. It takes the place of another one that waits."""
    await connection.execute(_DELETE_WAITING, row.organization, row.provider)
    await connection.execute(
        _ADD,
        row.organization,
        row.provider,
        credential,
        sealed,
        row.fingerprint,
        row.set_by,
        row.set_time,
        row.gateway_fallback,
    )


async def make_live(connection: Connection, organization: str, provider: str, credential: str) -> None:
    """Has calls carry a key instead of the one before, unless it was removed or replaced meanwhile."""
    names = (organization, provider, credential)
    if await connection.fetchrow(_IS_THERE, *names) is not None:
        await connection.execute(_DELETE_OTHERS, *names)
        await connection.execute(_MAKE_LIVE, *names)


async def delete_credential(connection: Connection, organization: str, provider: str) -> None:
    """Removes a key, and one that waits."""
    await connection.execute(_DELETE, organization, provider)


async def count_everywhere(connection: Connection) -> int:
    """Returns how many keys all organizations have."""
    return int(await connection.fetchval(_COUNT_ALL))
