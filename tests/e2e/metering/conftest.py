"""A stack with the shipped catalog whose providers are all one scripted upstream."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from megarouter_envoy.settings.variables import MODEL_ALLOWED_ORIGINS

from deploy.local.stack.specification import DEFAULT_CATALOG
from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import CONSOLE_ORIGIN, pepper_of
from tests.support.data.tenants import make_tenant
from tests.support.metered_calls import Metering, catalog_for
from tests.support.ports import free_port_base
from tests.support.servers.scripted_upstream import ScriptedUpstream, running_upstream


@pytest.fixture(scope="package")
def shared_upstream() -> Iterator[ScriptedUpstream]:
    with running_upstream() as running:
        yield running


@pytest.fixture(scope="package")
def metered_stack(shared_upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    catalog = tmp_path_factory.mktemp("metered-catalog") / "catalog.yaml"
    credentials = catalog_for(DEFAULT_CATALOG, shared_upstream.url, catalog)
    home = tmp_path_factory.mktemp("metered-stack")
    with Stack(
        home, free_port_base(), catalog=catalog, settings={**credentials, MODEL_ALLOWED_ORIGINS: CONSOLE_ORIGIN}
    ) as running:
        yield running


@pytest.fixture(scope="package")
async def metered_database(metered_stack: Stack) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(
        metered_stack.environment["MEGAROUTER_DATABASE_URL"], min_size=1, max_size=4
    ) as pool:
        yield pool


@pytest.fixture
def upstream(shared_upstream: ScriptedUpstream) -> ScriptedUpstream:
    """The upstream without scripts or requests."""
    shared_upstream.reset()
    return shared_upstream


@pytest.fixture
async def metering(metered_stack: Stack, metered_database: asyncpg.Pool, upstream: ScriptedUpstream) -> Metering:
    """Calls of a tenant for this test alone, with 10,000 credits."""
    tenant = await make_tenant(metered_database, pepper_of(metered_stack))
    return Metering(metered_stack, tenant, upstream)
