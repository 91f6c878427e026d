"""Builds ratelimit_service as a gRPC service."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import grpc
from envoy.service.ratelimit.v3 import rls_pb2
from google.protobuf.message import DecodeError

from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import RateLimitSettings
from gateway_core.runtime.telemetry import dependencies
from gateway_core.runtime.telemetry.metrics import NO_METRICS, Metrics
from gateway_core.runtime.telemetry.semconv import (
    RATE_LIMIT_DECISION,
    RATE_LIMIT_DECISIONS,
    RATE_LIMIT_SHADOW_REFUSALS,
    RPC_METHOD,
    RPC_SYSTEM_NAME,
)
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.runtime.unary import Metadata, StatusError, UnaryMethod, generic_handler
from gateway_core.stores.redis.connections import open_pipelined
from gateway_core.stores.redis.pipelined import PipelinedClient
from ratelimit_service.answers import Answer
from ratelimit_service.descriptors import InvalidDescriptorsError
from ratelimit_service.handler import CountersUnavailableError, RateLimitHandler
from ratelimit_service.rate_counters import RateCounters
from ratelimit_service.rule_files import RuleFiles

logger = logging.getLogger(__name__)

SERVICE_NAME: Final = "envoy.service.ratelimit.v3.RateLimitService"
METHOD: Final = f"{SERVICE_NAME}/ShouldRateLimit"
_REDIS_TIMEOUT_MS: Final = 300
_PROBE_INTERVAL_S: Final = 0.25
_CODES: Final = {number: name for name, number in rls_pb2.RateLimitResponse.Code.items()}


class RateLimitMethod:
    """The handler as a unary method. Every failure is a gRPC error, because a response with code UNKNOWN would admit the call."""

    def __init__(self, handler: RateLimitHandler, tracing: Tracing, metrics: Metrics) -> None:
        self._handler = handler
        self._tracing = tracing
        self._decisions = metrics.tally(RATE_LIMIT_DECISIONS)
        self._shadow_refusals = metrics.counter(RATE_LIMIT_SHADOW_REFUSALS)

    async def answer(self, request: bytes, metadata: Metadata) -> bytes:
        """Decides about one call and returns the serialized response.

        Raises:
            StatusError: UNAVAILABLE without Redis, INVALID_ARGUMENT for an invalid request.
        """
        if not self._tracing.enabled:
            return (await self._counted(request)).content
        with self._tracing.continued(METHOD, metadata) as span:
            span.set_attributes({RPC_SYSTEM_NAME: "grpc", RPC_METHOD: METHOD})
            answer = await self._counted(request)
            span.set_attribute(RATE_LIMIT_DECISION, _CODES[answer.code])
            return answer.content

    async def _counted(self, request: bytes) -> Answer:
        try:
            answer = await self._decide(request)
        except BaseException:
            self._decisions.add((RATE_LIMIT_DECISION, "FAILED"))
            raise
        self._decisions.add((RATE_LIMIT_DECISION, _CODES[answer.code]))
        if answer.has_shadows:
            self._shadow_refusals.add(1)
        return answer

    async def _decide(self, request: bytes) -> Answer:
        try:
            return await self._handler.should_rate_limit(request)
        except CountersUnavailableError as error:
            raise StatusError(grpc.StatusCode.UNAVAILABLE, str(error)) from error
        except DecodeError as error:
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, "the message is not a RateLimitRequest") from error
        except InvalidDescriptorsError as error:
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error


class RateLimitService:
    """The service that the service shell runs."""

    service_names: Sequence[str] = (SERVICE_NAME,)
    health_names: Sequence[str] = ("ratelimit",)
    """The name that envoyproxy/ratelimit uses."""

    def __init__(self, redis: PipelinedClient, rules: RuleFiles, tracing: Tracing, metrics: Metrics) -> None:
        self._redis = redis
        handler = RateLimitHandler(RateCounters(redis), lambda: rules.rules)
        method = RateLimitMethod(handler, tracing, metrics)
        self.unary_methods: Sequence[UnaryMethod] = (UnaryMethod(f"/{METHOD}", method.answer),)
        self._answers = False

    def add_to(self, server: grpc.aio.Server) -> None:
        """Registers the handler."""
        server.add_generic_rpc_handlers((generic_handler(self.unary_methods),))

    def begin_stop(self) -> None:
        """Does nothing: every call of this service ends by itself."""

    def is_ready(self) -> bool:
        """Whether Redis answered the last probe."""
        return self._answers

    async def watch_redis(self) -> None:
        """Probes Redis until canceled."""
        while True:
            answers = await self._redis.answers()
            if answers != self._answers:
                logger.info("Redis answers" if answers else "Redis does not answer")
            self._answers = answers
            await asyncio.sleep(_PROBE_INTERVAL_S)


@asynccontextmanager
async def open_service(
    settings: RateLimitSettings, tracing: Tracing, metrics: Metrics = NO_METRICS
) -> AsyncIterator[RateLimitService]:
    """Opens the service with its connections. Until Redis answers, the service is not ready and refuses calls.

    Raises:
        RulesError: the rules cannot be used.
    """
    async with open_pipelined(settings.redis_url.get_secret_value(), timeout_ms=_REDIS_TIMEOUT_MS) as redis:
        rules = RuleFiles(settings.rate_limit_rules_folder, merges_domains=settings.rate_limit_merge_domains)
        service = RateLimitService(redis, rules, tracing, metrics)
        async with (
            in_background(service.watch_redis()),
            in_background(rules.keep_reading()),
            dependencies.reported(metrics, {"redis": redis.clock}),
        ):
            yield service
