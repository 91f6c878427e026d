"""The targets of privilege escalation attempts, and a snapshot of the data that the attempts must not change."""

from typing import Final

import asyncpg

ACME = "organizations/acme"
TABLES: Final = (
    "organizations", "groups", "users", "members", "api_keys", "guardrails", "guardrail_defaults", "invites", "access_tokens",
    "ledger_transfers", "audit_log", "request_replays",
)  # fmt: skip


async def world(owner: asyncpg.Connection) -> dict[str, list[str]]:
    """Returns every row that an admin can change."""
    return {
        table: [row[0] for row in await owner.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")]  # noqa: S608
        for table in TABLES
    }


def name_of(collection: str, ident: str, organization: str = ACME) -> str:
    return f"{organization}/{collection}/{ident}"
