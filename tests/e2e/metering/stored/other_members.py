"""Callers who may not name what the tenant of a test got."""

import asyncpg

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import pepper_of
from tests.support.data.tenants import Tenant, make_tenant
from tests.support.metered_calls import Metering


async def stranger(metering: Metering, database: asyncpg.Pool, stack: Stack) -> Metering:
    """Returns the calls of a member of another organization."""
    tenant = await make_tenant(database, pepper_of(stack))
    return Metering(stack, tenant, metering.upstream)


async def colleague(metering: Metering, stack: Stack) -> Metering:
    """Returns the calls of another member of the same organization."""
    tenant, database = metering.tenant, metering.tenant.database
    user = f"user-max-{tenant.organization}"
    await database.execute("INSERT INTO users VALUES ($1, $2, 'Max')", user, f"max@{tenant.organization}.example")
    await database.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES ($1, 'max', $2, 'g4', 'MEMBER')",
        tenant.organization,
        user,
    )
    key = await tenant.add_key("key-max")
    await database.execute(
        "UPDATE api_keys SET member_id = 'max' WHERE organization_id = $1 AND api_key_id = 'key-max'",
        tenant.organization,
    )
    other = Tenant(database, tenant.pepper, tenant.organization, key, "key-max")
    return Metering(stack, other, metering.upstream)
