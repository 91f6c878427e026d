"""Opens the resources that authz_service runs on, and the service on top of them."""

import itertools
import logging
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from authz_service.authorizer import Authorizer, Secrets
from authz_service.check import AuthzService
from authz_service.deployments.standings import KnownStandings
from authz_service.feedback.ratings import Ratings
from authz_service.feedback.store import RatingStore
from authz_service.holds import confirmation
from authz_service.holds.admission import Admissions
from authz_service.holds.confirmation import Confirmations
from authz_service.holds.hold_writer import PlacedHold, open_hold_writer
from authz_service.holds.placement_floors import PlacementFloors
from authz_service.identities.cache import IdentityCache
from authz_service.identities.renewal import Renewal
from authz_service.identities.replaced_peppers import ReplacedPeppers
from authz_service.identities.warm_start import WarmStart
from authz_service.stored_objects.lookups import StoredObjects
from authz_service.stored_objects.store import StoredObjectStore
from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import AuthzSettings, key_bytes
from gateway_core.runtime.telemetry import dependencies, semconv
from gateway_core.runtime.telemetry.metrics import NO_METRICS, Metrics
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.catalog_store import CatalogCache, open_catalog_cache
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.hold_store import SpendStore, record_holds
from gateway_core.stores.postgres.identity_store import CHANNEL, REVISION_CHANNEL, IdentityStore
from gateway_core.stores.postgres.migrations import until_migrated
from gateway_core.stores.postgres.notifications import Listener, running
from gateway_core.stores.redis.connections import open_pipelined
from gateway_core.stores.redis.deployments import DeploymentStandings
from gateway_core.stores.redis.hold_counters import HoldCounters
from gateway_core.stores.redis.pipelined import PipelinedClient

logger = logging.getLogger(__name__)

ROLE: Final = "megarouter_authz"
_CONFIRMATION_GRACE_MS: Final = 500
_NS_PER_MS: Final = 1_000_000
_ATTEMPT_BITS: Final = 48
"""Replicas count their attempts from random numbers of this size, so two attempts at one call never have the same number."""
_REGISTER_DELAY_INTERVALS: Final = 2
"""A hold reaches the holds table within one flush interval plus its writing, which is allowed another interval."""


@asynccontextmanager
async def open_service(
    settings: AuthzSettings, tracing: Tracing, metrics: Metrics = NO_METRICS
) -> AsyncIterator[AuthzService]:
    """Opens what the service needs. On exit, writes every placed hold to the holds table."""
    async with AsyncExitStack() as stack:
        await until_migrated(settings)
        pool = await stack.enter_async_context(open_pool(settings, ROLE, by_index=True, pepper=settings.peppers.name))
        redis = await stack.enter_async_context(open_pipelined(settings.redis_url.get_secret_value()))
        catalog = await stack.enter_async_context(open_catalog_cache(pool, settings, ROLE))
        store = IdentityStore(pool)
        identities = IdentityCache(store, settings.identity_cache_entries, settings.identity_max_age_ms)
        warm_start = WarmStart(identities, store, settings.identity_cache_entries)
        await stack.enter_async_context(in_background(warm_start.run()))
        await stack.enter_async_context(in_background(Renewal(identities, settings.identity_max_age_ms).run()))
        listener = Listener(
            settings,
            ROLE,
            [CHANNEL, REVISION_CHANNEL],
            on_notification=lambda channel, payload: (
                identities.revised(payload) if channel == REVISION_CHANNEL else warm_start.changed(payload)
            ),
            on_lost=identities.distrust,
            on_restored=warm_start.restored,
        )
        await stack.enter_async_context(running(listener))
        counters = HoldCounters(redis)
        spend = SpendStore(pool)
        confirmations = Confirmations(counters, spend, time.monotonic, settings.hold_queue_entries)
        await stack.enter_async_context(confirmation.running(confirmations, _CONFIRMATION_GRACE_MS))

        async def insert(batch: Sequence[PlacedHold]) -> None:
            await record_holds(pool, [(placed.hold, placed.token) for placed in batch])
            confirmations.registered(batch)

        hold_writer = await stack.enter_async_context(
            open_hold_writer(
                insert,
                settings.hold_queue_entries,
                settings.hold_flush_interval_ms,
                settings.shutdown_grace_ms,
            )
        )
        standings = _standings(redis, catalog)
        await stack.enter_async_context(in_background(standings.run()))
        authorizer = Authorizer(
            identities=identities,
            admissions=_admissions(settings, counters, spend),
            hold_writer=hold_writer,
            stored_objects=StoredObjects(StoredObjectStore(pool)),
            ratings=Ratings(RatingStore(pool)),
            prices=lambda: catalog.snapshot.view,
            secrets=Secrets(
                key_bytes(settings.hold_signing_key),
                settings.peppers.current,
            ),
            hold_life_ms=settings.hold_life_ms,
            standings=standings,
            replaced_peppers=await _replaced_peppers(stack, settings, identities, store),
        )
        probes: dict[str, dependencies.Probe] = {
            "postgres": lambda: pool.fetchval(dependencies.CLOCK),
            "redis": redis.clock,
        }
        await stack.enter_async_context(dependencies.reported(metrics, probes))
        metrics.gauge(
            semconv.DEPLOYMENT_LEFT, lambda: standings.left(catalog.snapshot.places, catalog.snapshot.sole_places)
        )
        metrics.total(semconv.DEPLOYMENT_OPENINGS, standings.openings)
        metrics.gauge(semconv.AUTHZ_HOLDS_WAITING, lambda: [(hold_writer.waiting, {})])
        yield AuthzService(authorizer, catalog, listener, tracing, metrics, lambda: warm_start.is_over)


def _admissions(settings: AuthzSettings, counters: HoldCounters, spend: SpendStore) -> Admissions:
    return Admissions(
        counters,
        spend,
        PlacementFloors(spend.highest_placement, time.monotonic),
        settings.hold_flush_interval_ms * _REGISTER_DELAY_INTERVALS,
        lambda: secrets.token_hex(8),
        itertools.count(secrets.randbits(_ATTEMPT_BITS)).__next__,
    )


def _standings(redis: PipelinedClient, catalog: CatalogCache) -> KnownStandings:
    return KnownStandings(
        DeploymentStandings(redis), lambda: catalog.snapshot.has_deployments, lambda: time.time_ns() // _NS_PER_MS
    )


async def _replaced_peppers(
    stack: AsyncExitStack, settings: AuthzSettings, identities: IdentityCache, store: IdentityStore
) -> ReplacedPeppers | None:
    """Returns what finds keys of other peppers; None unless the deployment replaces its pepper."""
    if not settings.peppers.others:
        return None
    replaced = ReplacedPeppers(identities, store, settings.peppers)
    await stack.enter_async_context(in_background(replaced.run()))
    return replaced
