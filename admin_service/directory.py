"""Who calls, and whom a resource belongs to, as PostgreSQL says."""

from typing import Final

import asyncpg

from admin_service.access_tokens import hash_access_token, is_access_token
from admin_service.resource_names import API_KEYS, ResourceName
from gateway_core.domain.permissions import Actor, Owner, Target
from gateway_core.domain.scopes import Role
from gateway_core.edges.postgres.organization_wall import acting_for

_FIND_USER: Final = (
    "SELECT user_id FROM access_tokens WHERE secret_hash = $1 AND revoke_time IS NULL AND expire_time > now()"
)

_ACTOR: Final = """
SELECT m.member_id, m.role, coalesce(g.path, '{}') AS path
  FROM members m
  JOIN organizations o ON o.organization_id = m.organization_id
  LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
 WHERE m.organization_id = $1 AND m.user_id = $2 AND m.state = 'ACTIVE' AND o.state <> 'DELETED'
"""

_OWNER_OF_API_KEY: Final = """
SELECT m.member_id, m.role, coalesce(g.path, '{}') AS path
  FROM api_keys k
  JOIN members m ON m.organization_id = k.organization_id AND m.member_id = k.member_id
  LEFT JOIN groups g ON g.organization_id = m.organization_id AND g.group_id = m.group_id
 WHERE k.organization_id = $1 AND k.api_key_id = $2
"""


class Directory:
    """Reads nothing from a cache: a revoked token or a changed role counts with the next call."""

    def __init__(self, pool: asyncpg.Pool, pepper: bytes) -> None:
        self._pool = pool
        self._pepper = pepper

    async def user_of_token(self, token: str) -> str | None:
        """The user a valid access token belongs to."""
        if not is_access_token(token):
            return None
        user: str | None = await self._pool.fetchval(_FIND_USER, hash_access_token(token, self._pepper))
        return user

    async def actor(self, user: str, organization: str) -> Actor | None:
        """The user as an active member of the organization."""
        async with acting_for(self._pool, organization) as connection:
            row = await connection.fetchrow(_ACTOR, organization, user)
        return Actor(organization, row["member_id"], Role(row["role"]), tuple(row["path"])) if row else None

    async def target(self, name: ResourceName) -> Target | None:
        """The resource with its owner; None when it does not exist."""
        if name.collection != API_KEYS:
            return Target(name.organization)
        async with acting_for(self._pool, name.organization) as connection:
            row = await connection.fetchrow(_OWNER_OF_API_KEY, name.organization, name.resource_id)
        if row is None:
            return None
        return Target(name.organization, Owner(row["member_id"], Role(row["role"]), tuple(row["path"])))
