"""Many callers at once, and a Super Admin for a tenant."""

import asyncio
import os
from collections.abc import Awaitable
from typing import Any, Final

from gateway_core.model.organization.bearer_secrets import ACCESS_TOKEN, hash_secret
from tests.support.attacks import secrets_shown
from tests.support.clients.admin_transports import CallError
from tests.support.data.tenants import Tenant

RACERS: Final = 16
CALLS: Final = 60


async def outcomes(attempts: list[Awaitable[Any]]) -> list[Any]:
    """Runs all at once. Returns each answer or CallError."""
    found = await asyncio.gather(*attempts, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, CallError):
            raise one
    return list(found)


def won(found: list[Any]) -> list[Any]:
    return [one for one in found if not isinstance(one, CallError)]


async def super_admin(tenant: Tenant, name: str = "boss") -> str:
    """Adds a Super Admin to a tenant and returns the access token."""
    token, user = ACCESS_TOKEN.make(os.urandom(32)), f"{name}-{tenant.organization}"
    await tenant.database.execute("INSERT INTO users VALUES ($1, $1 || '@boss.example', 'Boss')", user)
    await tenant.database.execute(
        "INSERT INTO members (organization_id, member_id, user_id, role) VALUES ($1, $2, $3, 'SUPER_ADMIN')",
        tenant.organization, name, user,
    )  # fmt: skip
    await tenant.database.execute(
        "INSERT INTO access_tokens (access_token_id, user_id, secret_hash, expire_time)"
        " VALUES ($1, $1, $2, now() + interval '1 hour')",
        user, hash_secret(token, tenant.pepper),
    )  # fmt: skip
    secrets_shown.remember(token)
    return token


def name_of(tenant: Tenant, rest: str = "") -> str:
    return f"organizations/{tenant.organization}{rest}"
