"""Every sealed credential in the database: those of providers, and the own keys of organizations."""

from dataclasses import dataclass
from typing import Final

from admin_service.resources.catalog_changes.sealing import CredentialPlace
from gateway_core.stores.postgres.connections import Connection

_OWN: Final = "SELECT provider_id, organization_id, credential_id, sealed FROM sealed_own_credentials()"
_ALL: Final = f"""
SELECT provider_id, '', '', sealed FROM provider_credentials
UNION ALL {_OWN} ORDER BY 2, 1
"""  # noqa: S608 - constants
_REPLACE: Final = "UPDATE provider_credentials SET sealed = $3 WHERE provider_id = $1 AND sealed = $2"
_REPLACE_OWN: Final = "SELECT reseal_own_credential($1, $2, $3)"


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """A credential as it is stored."""

    place: CredentialPlace
    credential: str
    """The id of an own key; empty for the credential of a provider."""
    sealed: bytes


async def sealed_credentials(connection: Connection) -> list[SealedCredential]:
    """Returns all of them, those of providers first."""
    return [_row(*row) for row in await connection.fetch(_ALL)]


async def sealed_own_keys(connection: Connection) -> list[SealedCredential]:
    """Returns those of organizations."""
    return [_row(*row) for row in await connection.fetch(_OWN)]


async def replace_seal(connection: Connection, before: SealedCredential, again: bytes) -> None:
    """Stores a credential that was sealed again, if it is still sealed as it was."""
    if before.credential:
        await connection.execute(_REPLACE_OWN, before.credential, before.sealed, again)
    else:
        await connection.execute(_REPLACE, before.place.provider, before.sealed, again)


def _row(provider: str, organization: str, credential: str, sealed: bytes) -> SealedCredential:
    return SealedCredential(CredentialPlace(provider, organization), credential, sealed)
