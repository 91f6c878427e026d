"""The rows of credentials. This module writes the hash of a secret and never reads it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from admin_service.api.etags import etag_of
from gateway_core.stores.postgres.connections import Connection

# Matches `Credential.State`. A credential that is both revoked and expired counts as revoked.
STATE: Final = """
CASE WHEN c.revoke_time IS NOT NULL THEN 'REVOKED' WHEN c.expire_time <= now() THEN 'EXPIRED' ELSE 'ACTIVE' END
"""
COLUMNS: Final = f"""
c.organization_id, c.credential_id, c.kind, c.display_name, c.permissions, c.obfuscated_secret,
CASE WHEN c.previous_expire_time > now() THEN c.previous_expire_time END, c.expire_time, c.revoke_time, ({STATE}),
c.creator_user_id, c.create_time, c.may_change_admins
"""
_GET: Final = f"SELECT {COLUMNS} FROM credentials c WHERE c.organization_id = $1 AND c.credential_id = $2"  # noqa: S608
_COUNT: Final = f"SELECT count(*) FROM credentials c WHERE c.organization_id = $1 AND {STATE} = 'ACTIVE'"  # noqa: S608
_ADD_USER: Final = "INSERT INTO users (user_id, display_name) VALUES ($1, $2)"
_ADD: Final = """
INSERT INTO credentials (organization_id, credential_id, user_id, kind, display_name, permissions, secret_hash, obfuscated_secret,
                         expire_time, creator_user_id, may_change_admins)
VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_ROTATE: Final = """
UPDATE credentials
   SET previous_secret_hash = CASE WHEN $5 > now() THEN secret_hash END,
       previous_expire_time = CASE WHEN $5 > now() THEN least($5, expire_time) END,
       secret_hash = $3, obfuscated_secret = $4, expire_time = $6, update_time = now()
 WHERE organization_id = $1 AND credential_id = $2
"""
_UPDATE: Final = """
UPDATE credentials
   SET display_name = $3, permissions = $4, expire_time = $5, update_time = now(),
       -- `least` alone would invent an end where there is none.
       previous_expire_time = CASE WHEN previous_expire_time IS NOT NULL THEN least(previous_expire_time, $5) END
 WHERE organization_id = $1 AND credential_id = $2
"""
_RENAME_USER: Final = "UPDATE users SET display_name = $2 WHERE user_id = $1"
_REVOKE: Final = """
UPDATE credentials SET revoke_time = now(), update_time = now() WHERE organization_id = $1 AND credential_id = $2
"""


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """A stored credential."""

    organization: str
    credential: str
    kind: str
    display_name: str
    permissions: Sequence[str]
    obfuscated_secret: str
    previous_expire_time: dt.datetime | None
    """When the secret before the last rotation ends; None if it has ended."""
    expire_time: dt.datetime
    revoke_time: dt.datetime | None
    state: str
    """By the database's clock when the statement ran."""
    creator: str
    create_time: dt.datetime
    may_change_admins: bool

    @property
    def etag(self) -> str:
        """Changes with everything that a method can change."""
        return etag_of(
            self.display_name, self.permissions, self.obfuscated_secret, self.expire_time, self.revoke_time is None
        )


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential to store. Its user has the same id."""

    organization: str
    credential: str
    kind: str
    display_name: str
    permissions: Sequence[str]
    secret_hash: bytes
    obfuscated_secret: str
    expire_time: dt.datetime
    creator: str
    may_change_admins: bool = False


async def get_credential(connection: Connection, organization: str, credential: str) -> CredentialRow | None:
    """Returns a credential, usable or not, or None if there is none."""
    row = await connection.fetchrow(_GET, organization, credential)
    return CredentialRow(*row) if row else None


async def count_usable(connection: Connection, organization: str) -> int:
    """Returns how many credentials of the organization can be used."""
    return int(await connection.fetchval(_COUNT, organization))


async def add_credential(connection: Connection, new: NewCredential) -> None:
    """Stores a new credential with a user of its own."""
    await connection.execute(_ADD_USER, new.credential, new.display_name)
    await connection.execute(
        _ADD, new.organization, new.credential, new.kind, new.display_name, list(new.permissions), new.secret_hash,
        new.obfuscated_secret, new.expire_time, new.creator, new.may_change_admins,
    )  # fmt: skip


async def update_credential(
    connection: Connection,
    row: CredentialRow,
    *,
    display_name: str,
    permissions: Sequence[str],
    expire_time: dt.datetime,
) -> None:
    """Sets what can change besides the secret. The audit log names the credential's user by the new name."""
    await connection.execute(_UPDATE, row.organization, row.credential, display_name, list(permissions), expire_time)
    await connection.execute(_RENAME_USER, row.credential, display_name)


async def rotate_credential(
    connection: Connection,
    name: tuple[str, str],
    secret_hash: bytes,
    obfuscated_secret: str,
    *,
    old_ends: dt.datetime,
    new_ends: dt.datetime,
) -> None:
    """Gives a credential another secret. The old one is valid until `old_ends` or its own end, whichever is earlier."""
    await connection.execute(_ROTATE, *name, secret_hash, obfuscated_secret, old_ends, new_ends)


async def revoke_credential(connection: Connection, organization: str, credential: str) -> None:
    """Revokes a credential with all its secrets."""
    await connection.execute(_REVOKE, organization, credential)
