"""How far Redis has followed each organization's ledger."""

import asyncio
from collections.abc import Sequence
from typing import Final

from gateway_core.stores.redis.keys import holds_key, is_finished, pool_key
from gateway_core.stores.redis.pipelined import ScriptClient

UNKNOWN = -1
"""Redis has no pool of the organization. There is nothing to update: the pool is rebuilt when it is needed."""

_APPLIED: Final = "return redis.call('HGET', KEYS[1], 'sequence')"
_COUNTED: Final = "return {redis.call('HGET', KEYS[1], 'generation'), redis.call('HGETALL', KEYS[2])}"


async def applied_sequences(client: ScriptClient, organizations: Sequence[str]) -> dict[str, int]:
    """Returns the last sequence applied for each organization, or UNKNOWN. Queries all of them concurrently."""
    applied = client.register_script(_APPLIED)
    answers = await asyncio.gather(*(applied(keys=[pool_key(organization)]) for organization in organizations))
    return {
        organization: UNKNOWN if answer is None else int(answer)
        for organization, answer in zip(organizations, answers, strict=True)
    }


async def counted_holds(client: ScriptClient, organization: str) -> tuple[str | None, frozenset[str], frozenset[str]]:
    """Returns the generation of an organization's pool and the ids of the open holds that it counts, at one moment.

    The generation is None if there is no pool. The last set has the open holds whose calls have finished.
    """
    counted = client.register_script(_COUNTED)
    generation, flat = await counted(keys=[pool_key(organization), holds_key(organization)])
    kept = dict(zip(flat[::2], flat[1::2], strict=True))
    finished = frozenset(hold_id for hold_id, text in kept.items() if is_finished(text))
    return generation, frozenset(kept), finished
