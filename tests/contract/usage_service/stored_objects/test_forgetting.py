"""Expired ids are deleted, and no others."""

import asyncpg

from deploy.local.stack.database_urls import login_url
from tests.contract.usage_service.settlement_cases import ROLE
from usage_service.stored_objects.forgetting import forget_expired

INSERT = """
INSERT INTO stored_objects (provider_id, kind, object_id, organization_id, member_id, is_registered, expire_time)
SELECT 'acme', 'response', 'resp_' || number, 'org-' || number % 3, 'mia', number % 2 = 0, now() + $2::interval
  FROM generate_series(1, $1) AS number
"""


async def test_all_expired_ids_are_deleted_in_batches(owner: asyncpg.Connection, database_url: str) -> None:
    await owner.execute(INSERT.replace("resp_", "old_").replace("$2", "'-1 second'"), 2_300)
    await owner.execute(INSERT.replace("$2", "'1 minute'"), 5)
    async with asyncpg.create_pool(login_url(database_url, ROLE), min_size=1, max_size=2) as pool:
        assert await forget_expired(pool) == 2_300
        assert await forget_expired(pool) == 0
    assert await owner.fetchval("SELECT count(*) FROM stored_objects") == 5
