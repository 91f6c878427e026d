"""Reads and disturbs an organization's data in PostgreSQL and Redis from a synchronous test."""

import asyncio
import itertools
from collections.abc import Awaitable, Iterable, Mapping
from typing import TypeVar

import asyncpg
from redis.asyncio import Redis

from admin_service.resources.credits.store import statement
from deploy.local.stack.database_urls import login_url
from gateway_core.stores.postgres.organization_wall import acting_for
from gateway_core.stores.redis.keys import counter_key, pool_key
from usage_service.audit.database import audit_database, open_snapshot

T = TypeVar("T")


class Books:
    """The real databases, with connections that have the privileges of each service."""

    def __init__(self, database_url: str, redis_url: str, runner: asyncio.Runner) -> None:
        self.database_url = database_url
        self.runner = runner
        self.redis = Redis.from_url(redis_url, decode_responses=True)
        self.raw_redis = Redis.from_url(redis_url)
        self.authz = self.run(self._pool("megarouter_authz"))
        self.usage = self.run(self._pool("megarouter_usage"))
        self.admin = self.run(self._pool("megarouter_admin"))

    async def _pool(self, role: str) -> asyncpg.Pool:
        return await asyncpg.create_pool(login_url(self.database_url, role), min_size=1, max_size=2)

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self.runner.run(wait())

    async def close(self) -> None:
        for pool in (self.authz, self.usage, self.admin):
            await pool.close()
        await self.redis.aclose()
        await self.raw_redis.aclose()

    async def kept(self, organization: str) -> tuple[int, int, dict[str, int], int]:
        """Returns the balance, the sequence, the spend by counter, and the sum of the pool's transfers."""
        async with acting_for(self.admin, organization) as connection:
            row = await connection.fetchrow(
                "SELECT balance_nano_credits, h.sequence FROM ledger_heads h JOIN ledger_accounts a USING (organization_id)"
                " WHERE account = 'CREDIT_POOL'"
            )
            assert row
            spend = await connection.fetch("SELECT counter, settled_nano_credits FROM scope_spend")
            transfers = await connection.fetchval(
                "SELECT sum(amount_nano_credits)::bigint FROM ledger_postings WHERE account = 'CREDIT_POOL'"
            )
        return row[0], row[1], dict(map(tuple, spend)), transfers

    async def in_redis(
        self, organization: str, names: Iterable[str]
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """Returns the pool and the counters that exist in Redis."""
        found = {name: await self._hash(counter_key(organization, name)) for name in names}
        return await self._hash(pool_key(organization)), {name: values for name, values in found.items() if values}

    async def is_old(self, organization: str, placements: int) -> bool:
        """Returns whether Redis has a pool that has counted fewer placements than there were."""
        pool = await self._hash(pool_key(organization))
        return bool(pool) and int(pool["placements"]) < placements

    async def _hash(self, key: str) -> dict[str, str]:
        return {str(name): str(value) for name, value in (await self.redis.hgetall(key)).items()}

    async def dump_redis(self, organization: str) -> dict[bytes, bytes]:
        """Returns all data of the organization in the format of RESTORE."""
        raw = self.raw_redis
        dumps = {key: await raw.dump(key) async for key in raw.scan_iter(f"mr:{{{organization}}}:*")}
        return {key: value for key, value in dumps.items() if value is not None}

    async def restore_redis(self, dumps: Mapping[bytes, bytes]) -> None:
        """Replaces all data in Redis by the dump."""
        await self.raw_redis.flushall()
        for key, value in dumps.items():
            await self.raw_redis.restore(key, 0, value)

    async def audit(self, organization: str) -> None:
        """Asserts that the audit passes, and that the statement of any period adds up and agrees with independent sums."""
        async with open_snapshot(self.database_url) as connection:
            report = await audit_database(connection, grace_s=0, rows_per_check=3)
            rows = await connection.fetch(
                "SELECT create_time, amount_nano_credits * CASE credit_account WHEN 'CREDIT_POOL' THEN 1 ELSE -1 END"
                "  FROM ledger_transfers WHERE organization_id = $1 ORDER BY sequence",
                organization,
            )
            moments = [row[0] for row in rows[:: max(len(rows) // 4, 1)]]
            for start, end in itertools.combinations_with_replacement(moments, 2):
                period = await statement(connection, organization, start, end)
                assert period.opening_balance == sum(row[1] for row in rows if row[0] < start)
                moved = sum(entry.amount_nano_credits for entry in period.entries)
                assert period.opening_balance + moved == period.closing_balance
        assert [finding.breaches for finding in report.findings if finding.breach_count] == []
