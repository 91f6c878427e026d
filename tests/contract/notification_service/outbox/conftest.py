from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.contract.notification_service.outbox.deliveries import Outbox, opened_outbox


@pytest.fixture
async def outbox(database_url: str, owner: asyncpg.Connection) -> AsyncIterator[Outbox]:
    """An organization without channels."""
    async with opened_outbox(database_url, owner) as opened:
        yield opened
