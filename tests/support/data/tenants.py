"""Creates organizations for one test by SQL: four group levels, members, keys, guardrails and credit."""

import asyncio
import itertools
import os
from dataclasses import dataclass

import asyncpg

from gateway_core.model.ledger.transfers import Account, Transfer, TransferKind
from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret
from gateway_core.stores.postgres.ledger_store import post_transfers

CREDIT = 10**9
_APPLIED_AFTER_S = 0.5
"""Half of the second within which a change applies to calls of keys that the services know already."""
_numbers = itertools.count(1)


async def until_applied() -> None:
    """Waits until a change that was made by SQL applies to the calls of keys that have called before."""
    await asyncio.sleep(_APPLIED_AFTER_S)


@dataclass
class Tenant:
    """An organization `tenant-N` with member `mia` at the bottom of groups g1 > g2 > g3 > g4, and one key."""

    database: asyncpg.Pool
    pepper: bytes
    organization: str
    key: str
    key_id: str = "key-1"

    async def add_key(self, key_id: str) -> str:
        key = API_KEY.make(os.urandom(32))
        await self.database.execute(
            "INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)"
            " VALUES ($1, $2, 'mia', $2, $3, $4)",
            self.organization, key_id, hash_secret(key, self.pepper), API_KEY.obfuscated(key),
        )  # fmt: skip
        return key

    async def guard(self, kind: str, scope_id: str, **columns: object) -> None:
        """Sets a guardrail. An empty `scope_id` means the organization itself."""
        names = ", ".join(columns)
        values = ", ".join(f"${index}" for index in range(4, 4 + len(columns)))
        updates = ", ".join(f"{name} = excluded.{name}" for name in columns)
        await self.database.execute(
            f"INSERT INTO guardrails (organization_id, scope_kind, scope_id, {names}) VALUES ($1, $2, $3, {values})"  # noqa: S608
            f" ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE SET {updates}",
            self.organization, kind, scope_id or self.organization, *columns.values(),
        )  # fmt: skip

    async def top_up(self, amount_nano_credits: int) -> None:
        transfer = Transfer(
            TransferKind.TOP_UP, Account.TOP_UPS, Account.CREDIT_POOL, amount_nano_credits, os.urandom(8).hex(), "test"
        )
        async with self.database.acquire() as connection:
            await post_transfers(connection, self.organization, [transfer])

    async def balance(self) -> int:
        """Returns the balance in nano-credits as the sum of the ledger's postings."""
        return int(
            await self.database.fetchval(
                "SELECT coalesce(sum(amount_nano_credits), 0) FROM ledger_postings"
                " WHERE organization_id = $1 AND account = 'CREDIT_POOL'",
                self.organization,
            )
        )

    async def records(self) -> list[asyncpg.Record]:
        """Returns every usage record, in ledger order."""
        return list(
            await self.database.fetch(
                "SELECT * FROM usage_records WHERE organization_id = $1 ORDER BY sequence", self.organization
            )
        )

    async def open_holds(self) -> int:
        return int(
            await self.database.fetchval(
                "SELECT count(*) FROM holds WHERE organization_id = $1 AND state = 'HELD'", self.organization
            )
        )


async def make_tenant(database: asyncpg.Pool, pepper: bytes, amount_nano_credits: int = 10_000 * CREDIT) -> Tenant:
    organization = f"tenant-{next(_numbers)}-{os.urandom(3).hex()}"
    tenant = Tenant(database, pepper, organization, key="")
    await database.execute("INSERT INTO organizations (organization_id, display_name) VALUES ($1, $1)", organization)
    await database.execute("UPDATE credit_lines SET line_nano_credits = NULL WHERE organization_id = $1", organization)
    path: list[str] = []
    for group in ("g1", "g2", "g3", "g4"):
        parent = path[-1] if path else None
        path.append(group)
        await database.execute(
            "INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name) VALUES ($1, $2, $3, $4, $2)",
            organization, group, parent, path,
        )  # fmt: skip
    await database.execute(
        "INSERT INTO users VALUES ($1, $2, 'Mia')", f"user-{organization}", f"mia@{organization}.example"
    )
    await database.execute(
        "INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES ($1, 'mia', $2, 'g4', 'MEMBER')",
        organization, f"user-{organization}",
    )  # fmt: skip
    tenant.key = await tenant.add_key(tenant.key_id)
    if amount_nano_credits:
        await tenant.top_up(amount_nano_credits)
    return tenant
