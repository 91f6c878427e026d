"""Opens the resources that token_service runs on, and the service on top of them."""

import logging
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import httpx

from gateway_core.runtime.background import in_background
from gateway_core.runtime.settings import TokenSettings
from gateway_core.runtime.telemetry import semconv
from gateway_core.runtime.telemetry.metrics import NO_METRICS, Labels, Metrics
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.runtime.unary import UnaryMethod
from token_service.fetching import TokenClient
from token_service.keeping import Keeper
from token_service.sources import read_sources


class TokenService:
    """The service that the service shell runs. It answers no calls but those for its health."""

    service_names: Sequence[str] = ()
    health_names: Sequence[str] = ("token",)
    unary_methods: Sequence[UnaryMethod] = ()

    def __init__(self, keepers: Sequence[Keeper]) -> None:
        self._keepers = keepers

    def add_to(self, server: grpc.aio.Server) -> None:
        """Adds nothing."""

    def begin_stop(self) -> None:
        """Does nothing: tokens stay valid without this service."""

    def is_ready(self) -> bool:
        """Returns whether every provider has a valid token, and gave a new one when it was last asked."""
        return all(keeper.is_fresh for keeper in self._keepers)


@asynccontextmanager
async def open_service(
    settings: TokenSettings, _tracing: Tracing, metrics: Metrics = NO_METRICS
) -> AsyncIterator[TokenService]:
    """Opens what the service needs, and keeps tokens fresh while the context is open."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log each request
    sources = read_sources(settings.token_sources_file)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                verify=ssl.create_default_context(),
                timeout=settings.token_request_timeout_ms / 1_000,
                follow_redirects=False,
                trust_env=False,
            )
        )
        keepers = [Keeper(source, TokenClient(client), time.monotonic) for source in sources]
        metrics.gauge(semconv.TOKEN_LIFE, lambda: [(one.life_s, _labels(one)) for one in keepers])
        metrics.total(semconv.TOKEN_REQUESTS, lambda: _outcomes(keepers))
        for keeper in keepers:
            await stack.enter_async_context(in_background(keeper.keep()))
        yield TokenService(keepers)


def _labels(keeper: Keeper) -> Labels:
    return {semconv.GEN_AI_PROVIDER_NAME: semconv.provider_name(keeper.provider)}


def _outcomes(keepers: Iterable[Keeper]) -> list[tuple[float, Labels]]:
    return [
        (count, {**_labels(keeper), semconv.TOKEN_OUTCOME: outcome})
        for keeper in keepers
        for outcome, count in keeper.outcomes.copy().items()
    ]
