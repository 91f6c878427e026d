"""The gRPC service of authz_service, and the resources that it runs on."""

import itertools
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import grpc
from envoy.service.auth.v3 import external_auth_pb2
from google.protobuf.message import DecodeError

from authz_service.authorizer import Admitted, Answered, Authorizer, Outcome, Secrets
from authz_service.holds import confirmation
from authz_service.holds.admission import Admissions
from authz_service.holds.confirmation import Confirmations
from authz_service.holds.holds_table import PlacedHold, open_register
from authz_service.holds.placement_floors import Floors
from authz_service.identities.cache import IdentityCache
from authz_service.identities.renewal import Renewal
from authz_service.identities.warm_start import WarmStart
from authz_service.request.call import Call
from authz_service.request.envoy_messages import allow, answer, deny, read_call
from gateway_core.model.calls.decision import Prices
from gateway_core.model.calls.holds import Hold
from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import AuthzSettings
from gateway_core.runtime.telemetry import dependencies, semconv
from gateway_core.runtime.telemetry.metrics import NO_METRICS, Metrics
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.runtime.unary import Metadata, StatusError, UnaryMethod, generic_handler
from gateway_core.stores.postgres.catalog_store import CatalogCache, open_catalog_cache
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.hold_store import SpendStore, register_holds
from gateway_core.stores.postgres.identity_store import CHANNEL, REVISION_CHANNEL, IdentityStore
from gateway_core.stores.postgres.migrations import until_migrated
from gateway_core.stores.postgres.notifications import Listener, running
from gateway_core.stores.redis.connections import open_pipelined
from gateway_core.stores.redis.hold_counters import HoldCounters

logger = logging.getLogger(__name__)

ROLE: Final = "megarouter_authz"
_CHECK: Final = "/envoy.service.auth.v3.Authorization/Check"
_CONFIRMATION_GRACE_MS: Final = 500
_REGISTER_DELAY_INTERVALS: Final = 2
"""A hold reaches the holds table within one flush interval plus its writing, which is allowed another interval."""
_DECISIONS_PER_DURATION: Final = 16
"""The duration is measured for every sixteenth decision, including the first: measuring costs a tenth of a decision."""
_ALLOWED: Final = ((semconv.DECISION, "allowed"),)
_ANSWERED: Final = ((semconv.DECISION, "answered"),)
_DENIED: Final = (semconv.DECISION, "denied")


class AuthzService:
    """Implements `envoy.service.auth.v3.Authorization`, independent of the transport."""

    service_names: Sequence[str] = (external_auth_pb2.DESCRIPTOR.services_by_name["Authorization"].full_name,)

    def __init__(
        self,
        authorizer: Authorizer,
        catalog: CatalogCache,
        identity_listener: Listener,
        tracing: Tracing,
        metrics: Metrics = NO_METRICS,
        is_warm: Callable[[], bool] = lambda: True,
    ) -> None:
        self._authorizer = authorizer
        self._catalog = catalog
        self._identity_listener = identity_listener
        self._tracing = tracing
        self._metrics = metrics
        self._is_warm = is_warm
        self._decisions = metrics.tally(semconv.AUTHZ_DECISIONS)
        self._measured = itertools.cycle(range(_DECISIONS_PER_DURATION))
        self._duration = metrics.histogram(semconv.AUTHZ_DURATION)
        self._shadow_refusals = metrics.counter(semconv.AUTHZ_SHADOW_REFUSALS)
        self.unary_methods: Sequence[UnaryMethod] = (UnaryMethod(_CHECK, self._answer),)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Adds the handlers to the server."""
        server.add_generic_rpc_handlers((generic_handler(self.unary_methods),))

    def begin_stop(self) -> None:
        """Does nothing: every call of this service ends by itself."""

    def is_ready(self) -> bool:
        """Returns whether the catalog is loaded, identity changes are pushed, and busy keys are loaded or take too long."""
        return self._catalog.is_loaded and self._identity_listener.is_listening and self._is_warm()

    async def _answer(self, request: bytes, metadata: Metadata) -> bytes:
        """Answers one `CheckRequest` with a `CheckResponse`.

        Args:
            request: the serialized request of Envoy.
            metadata: the gRPC metadata of the call. `traceparent` continues Envoy's trace.
        """
        try:
            call = read_call(external_auth_pb2.CheckRequest.FromString(request))
        except DecodeError as error:
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, "the request is not a CheckRequest") from error
        if not self._tracing.enabled:
            return _render(await self._decide(call), None)
        with self._tracing.continued("authorize", metadata) as span:
            outcome = await self._decide(call)
            if not span.is_recording():
                return _render(outcome, None)
            span.set_attributes(_attributes(outcome))
            return _render(outcome, metadata.get("traceparent"))

    async def _decide(self, call: Call) -> Outcome:
        start_s = time.monotonic()
        outcome = await self._authorizer.authorize(call)
        self._decisions.add(*_decision(outcome))
        if next(self._measured) == 0:
            self._duration.record(time.monotonic() - start_s)
        if isinstance(outcome, Admitted) and outcome.admission.hold.shadow_refusals:
            self._report_shadows(outcome.admission.hold)
        return outcome

    def _report_shadows(self, hold: Hold) -> None:
        """Reports shadow refusals to operators. Settlement adds them to the counts of the guardrails."""
        kinds = [hold.claims.counters[index].kind for index in hold.shadow_refusals]
        for kind in kinds:
            self._shadow_refusals.add(1, {semconv.SCOPE_KIND: kind})
        logger.info(
            "guardrails in shadow mode would have refused an admitted call",
            extra={"hold_id": hold.hold_id, "organization": hold.claims.organization, "scopes": ",".join(kinds)},
        )


def _decision(outcome: Outcome) -> tuple[tuple[str, str], ...]:
    """Returns the metric labels of an outcome."""
    if isinstance(outcome, Admitted):
        return _ALLOWED
    if isinstance(outcome, Answered):
        return _ANSWERED
    return _DENIED, (semconv.DECISION_REASON, outcome.refusal.reason)


def _render(outcome: Outcome, traceparent: str | None) -> bytes:
    if isinstance(outcome, Admitted):
        return allow(outcome.admission, outcome.token, outcome.shared_answer, traceparent)
    if isinstance(outcome, Answered):
        return answer(outcome.body)
    return deny(outcome.refusal, outcome.dialect)


def _attributes(outcome: Outcome) -> dict[str, str]:
    attributes = dict(_decision(outcome))
    if isinstance(outcome, Admitted):
        hold = outcome.admission.hold
        attributes |= {
            semconv.HOLD_ID: hold.hold_id,
            semconv.GEN_AI_REQUEST_MODEL: hold.claims.requested_model,
            semconv.GEN_AI_PROVIDER_NAME: hold.claims.provider,
        }
    return attributes


@asynccontextmanager
async def open_authz_service(
    settings: AuthzSettings, tracing: Tracing, metrics: Metrics = NO_METRICS
) -> AsyncIterator[AuthzService]:
    """Opens what the service needs. On exit, writes every placed hold to the holds table."""
    async with AsyncExitStack() as stack:
        await until_migrated(settings)
        pool = await stack.enter_async_context(open_pool(settings, ROLE, by_index=True))
        redis = await stack.enter_async_context(open_pipelined(settings.redis_url.get_secret_value()))
        catalog = await stack.enter_async_context(open_catalog_cache(pool, settings, ROLE))
        store = IdentityStore(pool)
        identities = IdentityCache(store, settings.identity_cache_entries, settings.identity_max_age_ms)
        warm_start = WarmStart(identities, store, settings.identity_cache_entries)
        await stack.enter_async_context(in_background(warm_start.run()))
        renewal = Renewal(identities, settings.identity_max_age_ms)
        await stack.enter_async_context(in_background(renewal.run()))
        listener = Listener(
            settings,
            ROLE,
            [CHANNEL, REVISION_CHANNEL],
            on_notification=lambda channel, payload: (
                identities.revised(payload) if channel == REVISION_CHANNEL else identities.changed(payload)
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
            await register_holds(pool, [(placed.hold, placed.token) for placed in batch])
            confirmations.registered(batch)

        register = await stack.enter_async_context(
            open_register(
                insert,
                settings.hold_queue_entries,
                settings.hold_flush_interval_ms,
                settings.shutdown_grace_ms,
            )
        )
        authorizer = Authorizer(
            identities=identities,
            admissions=Admissions(
                counters,
                spend,
                Floors(spend.highest_placement, time.monotonic),
                settings.hold_flush_interval_ms * _REGISTER_DELAY_INTERVALS,
                lambda: secrets.token_hex(8),
            ),
            register=register,
            prices=lambda: Prices(catalog.snapshot.models, catalog.snapshot.providers),
            secrets=Secrets(
                bytes.fromhex(settings.hold_signing_key.get_secret_value()),
                bytes.fromhex(settings.key_pepper.get_secret_value()),
            ),
            hold_life_ms=settings.hold_life_ms,
        )
        probes: dict[str, dependencies.Probe] = {"postgres": lambda: pool.fetchval("SELECT 1"), "redis": redis.ping}
        await stack.enter_async_context(dependencies.reported(metrics, probes))
        metrics.gauge(semconv.AUTHZ_HOLDS_WAITING, lambda: [(register.waiting, {})])
        yield AuthzService(authorizer, catalog, listener, tracing, metrics, lambda: warm_start.is_over)
