"""Instances of ratelimit_service on one real Redis, called over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc
from redis.asyncio import Redis

from deploy.local.programs.redis import RedisServer
from gateway_core.runtime.settings import RateLimitSettings
from gateway_core.runtime.telemetry.tracing import Tracing
from ratelimit_service import wiring
from ratelimit_service.wiring import RateLimitService, open_service


class Ask(Protocol):
    def __call__(
        self, request: rls_pb2.RateLimitRequest, metadata: Sequence[tuple[str, str]] = ()
    ) -> Awaitable[rls_pb2.RateLimitResponse]: ...


@asynccontextmanager
async def running_service(
    redis_url: str, tracing: Tracing | None = None, rules_folder: Path | None = None
) -> AsyncIterator[tuple[RateLimitService, Ask]]:
    """Runs a service behind its own gRPC server. Yields a function that calls it."""
    settings = RateLimitSettings.model_validate(
        {"listen": "127.0.0.1:0", "redis_url": redis_url, "rate_limit_rules_folder": rules_folder}
    )
    async with open_service(settings, tracing or Tracing("ratelimit_service", None)) as service:
        server = grpc.aio.server()
        service.add_to(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = rls_pb2_grpc.RateLimitServiceStub(channel)

            async def ask(
                request: rls_pb2.RateLimitRequest, metadata: Sequence[tuple[str, str]] = ()
            ) -> rls_pb2.RateLimitResponse:
                return await stub.ShouldRateLimit(request, timeout=30, metadata=metadata)

            yield service, ask
        await server.stop(1)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def ask(redis_server: RedisServer, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ask]:
    """Calls a service that waits long for Redis, because a busy machine may be slow."""
    monkeypatch.setattr(wiring, "_REDIS_TIMEOUT_MS", 20_000)
    async with running_service(redis_server.url) as (_, asking):
        yield asking
