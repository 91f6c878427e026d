"""The service around the counters: behavior without Redis, with bad requests, and in a trace."""

import asyncio
import os
import signal
from pathlib import Path

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from redis.asyncio import Redis

from deploy.local.programs.redis import RedisServer, start_redis
from gateway_core.runtime.telemetry.tracing import Tracing
from tests.contract.ratelimit_service.conftest import Ask, running_service, until
from tests.support.ports import free_port
from tests.support.running_time import running_time
from tests.unit.ratelimit_service.requests import rate_limit_request

REQUEST = rate_limit_request(("member", "mia", 5))
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


async def refusal_of(ask: Ask, request: rls_pb2.RateLimitRequest = REQUEST) -> tuple[grpc.StatusCode, float]:
    """Makes a call that fails. Returns its status and its duration in seconds."""
    async with running_time() as passed_s:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await ask(request)
        return failure.value.code(), passed_s()


async def test_calls_are_unavailable_and_the_service_is_not_ready_without_redis() -> None:
    async with running_service(f"redis://127.0.0.1:{free_port()}/0") as (service, ask):
        code, duration_s = await refusal_of(ask)
        assert code is grpc.StatusCode.UNAVAILABLE
        assert duration_s < 0.9
        assert not service.is_ready()


async def test_the_service_survives_a_late_start_and_a_restart_of_redis(tmp_path: Path) -> None:
    port, password = free_port(), "secret"
    async with running_service(f"redis://:{password}@127.0.0.1:{port}/0") as (service, ask):
        for round_ in range(2):
            with start_redis(tmp_path / str(round_), port, password=password):
                await until(service.is_ready)
                assert (await ask(REQUEST)).overall_code == rls_pb2.RateLimitResponse.OK
            await until(lambda: not service.is_ready())
            code, _ = await refusal_of(ask)
            assert code is grpc.StatusCode.UNAVAILABLE


async def test_a_call_to_a_hanging_redis_fails_before_envoy_times_out(tmp_path: Path) -> None:
    with start_redis(tmp_path, free_port()) as server:
        async with running_service(server.url) as (service, ask):
            await until(service.is_ready)
            os.kill(server.process.pid, signal.SIGSTOP)
            try:
                code, duration_s = await refusal_of(ask)
                await until(lambda: not service.is_ready())
            finally:
                os.kill(server.process.pid, signal.SIGCONT)
            await until(service.is_ready)
            assert (await ask(REQUEST)).overall_code == rls_pb2.RateLimitResponse.OK
    assert code is grpc.StatusCode.UNAVAILABLE
    assert duration_s < 0.9


@pytest.mark.also_on_cluster
async def test_no_call_passes_while_redis_refuses_writes(ask: Ask, redis: Redis) -> None:
    await redis.config_set("maxmemory", "1")
    try:
        code, _ = await refusal_of(ask)
    finally:
        await redis.config_set("maxmemory", "0")
    assert code is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("domain", ["", "another"])
async def test_a_request_of_another_domain_is_refused(ask: Ask, domain: str) -> None:
    code, _ = await refusal_of(ask, rate_limit_request(("member", "mia", 5), domain=domain))
    assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_call_without_limits_passes_even_without_redis() -> None:
    async with running_service(f"redis://127.0.0.1:{free_port()}/0") as (_, ask):
        response = await ask(rate_limit_request())
    assert response.overall_code == rls_pb2.RateLimitResponse.OK


@pytest.mark.parametrize(("flags", "spans"), [("01", 1), ("00", 0)])
async def test_a_sampled_call_continues_its_trace(
    redis_server: RedisServer, redis: Redis, flags: str, spans: int
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with running_service(redis_server.url, Tracing("ratelimit_service", provider)) as (_, ask):
        await ask(REQUEST, [("traceparent", f"00-{TRACE_ID}-00f067aa0ba902b7-{flags}")])
        await asyncio.sleep(0)
    finished = exporter.get_finished_spans()
    assert len(finished) == spans
    for span in finished:
        assert f"{span.context.trace_id:032x}" == TRACE_ID
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == "00f067aa0ba902b7"
        assert dict(span.attributes or {}) == {
            "megarouter.ratelimit.decision": "OK",
            "rpc.method": "envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
            "rpc.system.name": "grpc",
        }
