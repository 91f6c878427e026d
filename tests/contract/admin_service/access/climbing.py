"""What attempts to climb reach for, and everything they must leave as it was."""

from typing import Final

import asyncpg

ACME = "organizations/acme"
TABLES: Final = (
    "organizations", "groups", "users", "members", "api_keys", "guardrails", "invites", "access_tokens", "ledger_transfers",
    "audit_log", "request_replays",
)  # fmt: skip


async def world(owner: asyncpg.Connection) -> dict[str, list[str]]:
    """Everything that an admin can change, row by row."""
    return {
        table: [row[0] for row in await owner.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")]  # noqa: S608
        for table in TABLES
    }


def name_of(collection: str, ident: str, organization: str = ACME) -> str:
    return f"{organization}/{collection}/{ident}"
