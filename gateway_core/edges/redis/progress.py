"""How far Redis has followed each organization's ledger."""

from collections.abc import Sequence
from typing import Final

from gateway_core.edges.redis.connections import RedisClient
from gateway_core.edges.redis.hold_counters import holds_key, pool_key

UNKNOWN = -1
"""Redis holds no pool of the organization: there is nothing to keep up, it is seeded when needed."""
_COUNTED: Final = "return {redis.call('HGET', KEYS[1], 'generation'), redis.call('HKEYS', KEYS[2])}"
"""A script and no transaction: both keys at one moment, on a cluster too."""


async def applied_sequences(client: RedisClient, organizations: Sequence[str]) -> dict[str, int]:
    """The last sequence applied for each organization, or UNKNOWN, in one round trip (to each node of a cluster)."""
    async with client.pipeline(transaction=False) as pipeline:
        for organization in organizations:
            pipeline.hget(pool_key(organization), "sequence")
        answers = await pipeline.execute()
    return {
        organization: UNKNOWN if answer is None else int(answer)
        for organization, answer in zip(organizations, answers, strict=True)
    }


async def counted_holds(client: RedisClient, organization: str) -> tuple[str | None, frozenset[str]]:
    """The generation of an organization's pool, None without one, and the ids of the open holds it counts."""
    generation, hold_ids = await client.eval(_COUNTED, 2, pool_key(organization), holds_key(organization))
    return generation, frozenset(hold_ids)
