"""Databases without a schema, and the cluster-wide roles."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from deploy.local.stack.database_urls import service_database_urls
from gateway_core.schema.logins import read_passwords
from gateway_core.schema.roles import apply_roles
from tests.contract.conftest import Databases


@pytest.fixture
async def empty_url(databases: Databases, template_database: str) -> AsyncIterator[str]:
    """The owner's URL of an empty database, on a server that has the roles."""
    url = await databases.take("template1")
    yield url
    databases.give_back(url)


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_url)
    yield connection
    await connection.close()


@pytest.fixture
async def roles_restored(owner: asyncpg.Connection, database_url: str) -> AsyncIterator[None]:
    """Restores the roles that a test changes, because all tests share them on one server."""
    yield
    await owner.execute("SET scram_iterations = 1")
    await apply_roles(owner, read_passwords(service_database_urls(database_url, {})))
