"""Migrates a database without a stack, for tests and benchmarks."""

import asyncpg

from deploy.local.stack.database_urls import service_database_urls
from gateway_core.schema.logins import read_passwords
from gateway_core.schema.migrate import migrate


async def migrate_with_derived_logins(connection: asyncpg.Connection, owner_url: str) -> None:
    """Migrates a database so that services can log in with the URLs from `login_url`.

    Args:
        connection: a connection of the owner.
        owner_url: the URL of the owner.
    """
    await migrate(connection, read_passwords(service_database_urls(owner_url, {})))
