"""How far Redis has followed each organization's ledger."""

from collections.abc import Sequence

from redis.asyncio import Redis

from gateway_core.edges.redis.keys import holds_key, pool_key

UNKNOWN = -1
"""Redis holds no pool of the organization: there is nothing to keep up, it is seeded when needed."""


async def applied_sequences(client: Redis, organizations: Sequence[str]) -> dict[str, int]:
    """The last sequence applied for each organization, or UNKNOWN, in one round trip."""
    async with client.pipeline(transaction=False) as pipeline:
        for organization in organizations:
            pipeline.hget(pool_key(organization), "sequence")
        answers = await pipeline.execute()
    return {
        organization: UNKNOWN if answer is None else int(answer)
        for organization, answer in zip(organizations, answers, strict=True)
    }


async def counted_holds(client: Redis, organization: str) -> tuple[str | None, frozenset[str]]:
    """The generation of an organization's pool, None without one, and the ids of the open holds it counts."""
    async with client.pipeline(transaction=True) as pipeline:
        pipeline.hget(pool_key(organization), "generation")
        pipeline.hkeys(holds_key(organization))
        generation, hold_ids = await pipeline.execute()
    return generation, frozenset(hold_ids)
