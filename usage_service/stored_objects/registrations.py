"""Ids that no answer handed out, such as a prompt that an operator wrote in a provider's dashboard.

The operator registers them for an organization or one of its members, with the rights of the database's owner. No role
of a service can: an admin of an organization could otherwise register what belongs to another one.
"""

from collections.abc import Sequence
from typing import Final

import asyncpg

from gateway_core.model.calls.stored_objects import MAX_ID_CHARACTERS, ObjectName, is_object_id
from gateway_core.model.record_decorator import record
from gateway_core.stores.postgres.connections import Connection

_INSERT: Final = """
INSERT INTO stored_objects (provider_id, kind, object_id, organization_id, member_id, is_registered, expire_time)
SELECT $1, $2, $3, $4, $5, true, coalesce(now() + $6 * interval '1 day', 'infinity')
ON CONFLICT (object_id, kind, provider_id, registered_for) DO UPDATE SET expire_time = excluded.expire_time
"""
_DELETE: Final = """
DELETE FROM stored_objects
 WHERE provider_id = $1 AND kind = $2 AND object_id = $3 AND organization_id = $4 AND member_id = $5 AND is_registered
"""
_LIST: Final = """
SELECT provider_id, kind, object_id, member_id, expire_time FROM stored_objects
 WHERE organization_id = $1 AND is_registered AND expire_time > now() ORDER BY provider_id, kind, object_id, member_id LIMIT $2
"""
MAX_LISTED: Final = 10_000


class RegistrationError(Exception):
    """The registration is impossible. The message says why, for the operator."""


@record(frozen=True, slots=True)
class Registration:
    """An id, and who may name it."""

    provider: str
    name: ObjectName
    organization: str
    member: str | None
    """None: every member of the organization."""


async def register(connection: Connection, registration: Registration, days: int | None) -> None:
    """Lets the members name an id, from now on for so many days, or with None until it is removed.

    Raises:
        RegistrationError: the provider, the organization or the member does not exist, or the id is not one.
    """
    object_id = registration.name.object_id
    if not is_object_id(object_id):
        raise RegistrationError(f"an id has 1 to {MAX_ID_CHARACTERS} printable ASCII characters without spaces")
    await _require(connection, "provider", "SELECT FROM providers WHERE provider_id = $1", registration.provider)
    found = "SELECT FROM organizations WHERE organization_id = $1"
    await _require(connection, "organization", found, registration.organization)
    if registration.member is not None:
        found = "SELECT FROM members WHERE organization_id = $1 AND member_id = $2 AND state <> 'REMOVED'"
        await _require(connection, "member", found, registration.organization, registration.member)
    await connection.execute(_INSERT, *_key(registration), days)


async def remove(connection: Connection, registration: Registration) -> None:
    """Removes a registration. Calls that name the id are refused within a minute.

    Raises:
        RegistrationError: there is none.
    """
    if await connection.execute(_DELETE, *_key(registration)) == "DELETE 0":
        raise RegistrationError("this id is not registered for them")


async def registrations_of(connection: Connection, organization: str) -> Sequence[asyncpg.Record]:
    """Returns the registrations of an organization that have not expired, at most `MAX_LISTED`."""
    rows: Sequence[asyncpg.Record] = await connection.fetch(_LIST, organization, MAX_LISTED)
    return rows


def _key(registration: Registration) -> tuple[str, str, str, str, str]:
    kind, object_id = registration.name
    return registration.provider, kind, object_id, registration.organization, registration.member or ""


async def _require(connection: Connection, what: str, query: str, *arguments: str) -> None:
    if await connection.fetchrow(query, *arguments) is None:
        raise RegistrationError(f"there is no {what} {arguments[-1]!r}")
