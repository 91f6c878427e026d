"""Passes what finished calls say about deployments on to Redis, before and apart from settlement."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from redis.exceptions import RedisError

from gateway_core.model.deployments.health import Observation
from gateway_core.runtime.background import in_background
from gateway_core.stores.postgres.catalog_store import CatalogCache
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.redis.deployments import DeploymentObservations
from gateway_core.stores.redis.pipelined import ScriptClient
from usage_service.deployments.observing import failures_of, observation_of
from usage_service.settlement.rows import Settlement

logger = logging.getLogger(__name__)

_FAILURES: Final = (RedisError, *UNAVAILABLE)
_MOST_WAITING: Final = 10_000
_PER_SCRIPT: Final = 200


class Observations:
    """A bounded number of observations that Redis does not know yet. Those beyond the bound are dropped: others will come."""

    def __init__(self, store: DeploymentObservations, catalog: CatalogCache) -> None:
        self._store = store
        self._catalog = catalog
        self._waiting: list[Observation] = []
        self._wake = asyncio.Event()

    def add(self, settlements: Sequence[Settlement]) -> None:
        """Queues what decided calls say. One says nothing if it names a model with one deployment: it has no choice."""
        snapshot = self._catalog.snapshot
        for settlement in settlements:
            claims = settlement.hold.claims
            if not snapshot.has_deployments and claims.routed is None:
                continue
            model = snapshot.models.get(claims.requested_model)
            deployment = model.deployment_of(claims.provider, claims.served_model) if model else None
            if deployment is None and (model is None or model.deployments or claims.routed is None):
                continue
            observed = observation_of(settlement, deployment)
            if len(self._waiting) < _MOST_WAITING:
                self._waiting += failures_of(settlement)
                self._waiting += [observed] if observed else []
        if self._waiting:
            self._wake.set()

    async def run(self) -> None:
        """Passes observations on until canceled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            try:
                for start in range(0, len(waiting), _PER_SCRIPT):
                    await self._store.note(waiting[start : start + _PER_SCRIPT])
            except _FAILURES as error:
                names = {"calls": len(waiting), "error": type(error).__name__}
                logger.info("what calls said about deployments was not noted", extra=names)


@asynccontextmanager
async def running(redis: ScriptClient, catalog: CatalogCache) -> AsyncIterator[Observations]:
    """Passes observations on while the context is open."""
    observations = Observations(DeploymentObservations(redis), catalog)
    async with in_background(observations.run()):
        yield observations
