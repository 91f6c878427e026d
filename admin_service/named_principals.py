"""The principal that a request names: a key, or a member, with every guardrail above."""

import asyncpg

from admin_service.api_key_changes import deleted_key
from admin_service.authorization import Caller
from admin_service.errors import permission_denied
from admin_service.resource_names import API_KEYS
from gateway_core.domain.permissions import Permission
from gateway_core.domain.principals import Principal
from gateway_core.edges.postgres.identity_store import principal_of_api_key, principal_of_member
from gateway_core.edges.postgres.organization_wall import acting_for


async def named_principal(pool: asyncpg.Pool, caller: Caller) -> Principal:
    """The principal of the caller's resource, which may be asked about (ACCESS_EXPLAIN).

    Raises:
        AdminError: API_KEY_DELETED; PERMISSION_DENIED for a member that is gone since the call was authorized.
    """
    name = caller.resource
    find = principal_of_api_key if name.collection == API_KEYS else principal_of_member
    async with acting_for(pool, name.organization) as connection:
        principal = await find(connection, name.organization, str(name.resource_id))
    if principal is None and name.collection == API_KEYS:
        raise deleted_key(name)
    if principal is None:
        raise permission_denied(Permission.ACCESS_EXPLAIN, str(name))
    return principal
