"""Creates members and keys for benchmarks, four group levels deep, with a guardrail on every level."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from gateway_core.model.organization.bearer_secrets import API_KEY, hash_secret

LEVELS: Final = ("bench-1", "bench-2", "bench-3", "bench-4")
MEMBER: Final = "bench-member"
_GROUP: Final = (
    "INSERT INTO groups (organization_id, group_id, parent_group_id, path, display_name) VALUES ($1, $2, $3, $4, $2)"
)
_USER: Final = "INSERT INTO users VALUES ($1, $1 || '@bench.example', 'Mia')"
_MEMBER: Final = """
INSERT INTO members (organization_id, member_id, user_id, group_id, role) VALUES ($1, $2, $2, $3, 'MEMBER')
"""
_KEYS: Final = """
INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)
SELECT $1, key_id, $2, key_id, secret_hash, 'mr-…' FROM unnest($3::text[], $4::bytea[]) AS k (key_id, secret_hash)
"""
_RAILS: Final = """
INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits, cycle, requests_per_minute)
SELECT $1, kind, id, 10^15, 'MONTHLY', CASE WHEN kind IN ('member', 'api_key') THEN 1000000000 END
  FROM (SELECT 'api_key' AS kind, unnest($2::text[]) AS id
        UNION ALL VALUES ('member', $3), ('organization', $1)
        UNION ALL SELECT 'group', unnest($4::text[])) AS scopes
    ON CONFLICT (organization_id, scope_kind, scope_id) DO UPDATE
   SET budget_nano_credits = excluded.budget_nano_credits, cycle = excluded.cycle
"""
_STRANGERS: Final = (
    "INSERT INTO organizations (organization_id, display_name) SELECT 'stranger-' || n, 'S' FROM generate_series(1, $1) n",
    "INSERT INTO users SELECT 'stranger-' || n, 'stranger-' || n || '@bench.example', 'S' FROM generate_series(1, $1) n",
    """INSERT INTO members (organization_id, member_id, user_id, role)
       SELECT 'stranger-' || n, 'only', 'stranger-' || n, 'MEMBER' FROM generate_series(1, $1) n""",
    """INSERT INTO api_keys (organization_id, api_key_id, member_id, display_name, secret_hash, obfuscated_key)
       SELECT 'stranger-' || n, 'key-' || k, 'only', 'K', sha256(convert_to(n || '/' || k, 'UTF8')), 'mr-…'
         FROM generate_series(1, $1) n, generate_series(1, $2) k""",
    """INSERT INTO guardrails (organization_id, scope_kind, scope_id, budget_nano_credits)
       SELECT 'stranger-' || n, 'api_key', 'key-' || k, 1 FROM generate_series(1, $1) n, generate_series(1, $2) k""",
)
_KEYS_OF_A_STRANGER: Final = 1_000
_ONLY_THESE: Final = """
UPDATE guardrails SET model_whitelist = ARRAY['nothing/of-this']
 WHERE organization_id = $1 AND scope_kind = 'api_key' AND scope_id = ANY ($2::text[])
"""


async def add_member_with_keys(
    owner: asyncpg.Connection, organization: str, pepper: bytes, count: int, *, refused: int = 0
) -> list[str]:
    """Creates a member at the bottom of four levels with this many keys. Returns the secrets of the keys.

    Args:
        owner: a connection of the database's owner.
        organization: id of an organization that has none of the groups.
        pepper: of the deployment.
        count: number of keys.
        refused: how many of the keys, the last ones, may call no model.
    """
    for level, group in enumerate(LEVELS):
        parent = LEVELS[level - 1] if level else None
        await owner.execute(_GROUP, organization, group, parent, list(LEVELS[: level + 1]))
    await owner.execute(_USER, MEMBER)
    await owner.execute(_MEMBER, organization, MEMBER, LEVELS[-1])
    secrets = [API_KEY.make(number.to_bytes(32, "big")) for number in range(count)]
    names = [f"bench-{number}" for number in range(count)]
    await owner.execute(_KEYS, organization, MEMBER, names, [hash_secret(secret, pepper) for secret in secrets])
    await owner.execute(_RAILS, organization, names, MEMBER, list(LEVELS))
    await owner.execute(_ONLY_THESE, organization, _last(names, refused))
    return secrets


async def add_strangers(owner: asyncpg.Connection, keys: int) -> None:
    """Creates this many keys of other organizations, a thousand each, with a guardrail for every key. None of them makes calls.

    Args:
        owner: a connection of the database's superuser, who can disable triggers.
        keys: number of keys, rounded down to whole organizations.
    """
    async with owner.transaction():
        await owner.execute("SET LOCAL session_replication_role = replica")
        for statement in _STRANGERS:
            numbers = (keys // _KEYS_OF_A_STRANGER, _KEYS_OF_A_STRANGER)
            await owner.execute(statement, *numbers[: 2 if "$2" in statement else 1], timeout=600)
    await owner.execute("ANALYZE", timeout=600)


def _last(names: Sequence[str], count: int) -> list[str]:
    return list(names[len(names) - count :])
