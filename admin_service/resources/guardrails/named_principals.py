"""Finds the principal that a request names: a key or a member, with every guardrail above."""

import asyncpg

from admin_service.access.authorization import Caller
from admin_service.access.permissions import Permission
from admin_service.api.errors import permission_denied
from admin_service.api.names import API_KEYS
from admin_service.resources.api_keys.changes import deleted_key
from gateway_core.model.calls.principals import Principal
from gateway_core.stores.postgres.identity_store import principal_of_api_key, principal_of_member
from gateway_core.stores.postgres.organization_wall import acting_for


async def named_principal(pool: asyncpg.Pool, caller: Caller) -> Principal:
    """Returns the principal of the caller's resource, which the caller may explain (ACCESS_EXPLAIN).

    Raises:
        AdminError: API_KEY_DELETED; PERMISSION_DENIED for a member who was removed after the call was authorized.
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
