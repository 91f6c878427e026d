"""While all connections of a service are busy, organizations take turns at them."""

import asyncio

import pytest

from gateway_core.runtime.settings import UsageSettings
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.organization_wall import acting_for
from usage_service.wiring import ROLE

CONNECTIONS, BUSY_CALLS = 2, 12


@pytest.mark.parametrize("isolation", [None, "repeatable_read"])
async def test_a_question_of_a_quiet_organization_waits_for_one_answer_of_a_busy_one(
    settings: UsageSettings, isolation: None
) -> None:
    answered: list[str] = []
    async with open_pool(settings.model_copy(update={"database_pool_size": CONNECTIONS}), ROLE) as pool:

        async def ask(organization: str) -> None:
            async with acting_for(pool, organization, isolation=isolation) as connection:
                await connection.execute("SELECT pg_sleep(0.02)")
                answered.append(organization)

        await asyncio.gather(*(ask("busy") for _ in range(BUSY_CALLS)), ask("quiet"))
    assert len(answered) == BUSY_CALLS + 1
    # Those that have a connection already, and at most one each while it waits.
    assert answered.index("quiet") <= 2 * CONNECTIONS
