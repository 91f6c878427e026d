"""The health of deployments in Redis, shared by all replicas. Without a record, one is healthy."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway_core.model.deployments.health import (
    FAILED_CALLER_MS,
    FAILED_PERCENT,
    FIRST_PAUSE_MS,
    HALF_LIFE_MS,
    HEALTHY,
    LEAST_FAILURES,
    LONGEST_PAUSE_MS,
    TRIAL_MS,
    Health,
    Observation,
)
from gateway_core.model.record_decorator import record
from gateway_core.stores.redis.pipelined import PipelinedClient, ScriptClient
from gateway_core.stores.redis.scripts import script_source

HEALTH_KEY: Final = "mr:{deployments}:health"
_FAILED_KEY: Final = "mr:{deployments}:failed"
_TRIAL_PREFIX: Final = "mr:{deployments}:trial:"
_MOST_CALLERS: Final = 1_000
_PARTS: Final = 5
_SETTINGS: Final = (
    HALF_LIFE_MS,
    LEAST_FAILURES,
    FAILED_PERCENT,
    FIRST_PAUSE_MS,
    LONGEST_PAUSE_MS,
    FAILED_CALLER_MS,
    _MOST_CALLERS,
)


@record(frozen=True, slots=True, eq=False)
class Standings:
    """What all replicas know at one moment."""

    health: Mapping[str, Health]
    """By place. A deployment that is not in it is healthy."""
    failed: Mapping[str, frozenset[str]]
    """The places that failed a call a moment ago, by the caller (`health.caller_of`)."""


NO_STANDINGS: Final = Standings({}, {})


class DeploymentObservations:
    """Writes what finished calls say about deployments."""

    def __init__(self, redis: ScriptClient) -> None:
        self._fold = redis.register_script(script_source("deployments.lua"))

    async def note(self, observations: Sequence[Observation]) -> None:
        """Folds them into the health of their deployments. A repetition counts them twice, which is harmless."""
        told = [
            part
            for one in observations
            for part in (one.place, str(one.outcome), one.placed_ms, one.retry_after_ms, one.caller)
        ]
        await self._fold(keys=[HEALTH_KEY, _FAILED_KEY], args=[*_SETTINGS, *told])


class DeploymentStandings:
    """Reads the health of deployments."""

    def __init__(self, redis: PipelinedClient) -> None:
        self._redis = redis

    async def read(self, now_ms: int) -> Standings:
        """Returns what all replicas know."""
        fields = await self._redis.execute("HGETALL", HEALTH_KEY)
        failed = await self._redis.execute("ZRANGEBYSCORE", _FAILED_KEY, f"({now_ms}", "+inf")
        health = {place: _health_of(text) for place, text in zip(fields[::2], fields[1::2], strict=True)}
        callers: dict[str, set[str]] = {}
        for member in failed:
            caller, _, place = member.partition(" ")
            callers.setdefault(caller, set()).add(place)
        return Standings(health, {caller: frozenset(places) for caller, places in callers.items()})

    async def claim_trial(self, place: str) -> bool:
        """Returns whether this replica may try a deployment with one call."""
        return await self._redis.execute("SET", f"{_TRIAL_PREFIX}{place}", "1", "NX", "PX", TRIAL_MS) is not None


def _health_of(text: str) -> Health:
    parts = text.split(" ")
    return Health(int(parts[3]), int(parts[4])) if len(parts) == _PARTS else HEALTHY
