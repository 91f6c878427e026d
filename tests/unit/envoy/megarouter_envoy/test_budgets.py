"""Each public listener has connections of its own, and the admin API a number of calls: a full one leaves the other its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import grpc
import pytest
from megarouter_envoy.options import Limits

from gateway_core.model.deployments.listener_limits import ListenerLimits
from tests.support.envoys.small_envoy import SmallEnvoy, running_small_envoy

CONNECTIONS = 4
CALLS = 3
CALLS_OF_CALLER = 2
ANSWERED_WITHIN_S = 30.0
ASKED = b"GET /nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
WORK = "/megarouter.admin.v1.ApiKeys/ListApiKeys"
LIMITS = Limits(
    max_downstream_connections=2 * CONNECTIONS,
    listeners=ListenerLimits(model_connections=CONNECTIONS, admin_connections=CONNECTIONS),
    max_admin_calls=CALLS,
    max_admin_calls_of_caller=CALLS_OF_CALLER,
)


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[SmallEnvoy]:
    async with running_small_envoy(tmp_path, LIMITS) as running:
        yield running


async def answered(port: int) -> bool:
    """Returns whether Envoy answers a request on a new connection. Without services the answer is an error."""
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(ASKED)
            return (await reader.read()).startswith(b"HTTP/1.1 ")
        except ConnectionResetError:
            return False
        finally:
            writer.close()


@asynccontextmanager
async def idle_connections(port: int) -> AsyncIterator[None]:
    """Occupies all connections of a listener."""
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    try:
        await asyncio.sleep(0.2)
        yield
    finally:
        for _, writer in opened:
            writer.close()


@pytest.mark.parametrize("full", ["model", "admin"])
async def test_a_listener_without_free_connections_leaves_the_other_its_own(small: SmallEnvoy, full: str) -> None:
    """Seen to fail without a share for each: the first listener has all connections."""
    ports = {"model": small.model, "admin": small.admin}
    filled = ports.pop(full)
    (other,) = ports.values()
    async with idle_connections(filled):
        assert not await answered(filled)
        for _ in range(CONNECTIONS):
            assert await answered(other)
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        while not await answered(filled):
            await asyncio.sleep(0.05)


async def test_the_admin_listener_has_a_bounded_number_of_calls_at_a_time(small: SmallEnvoy) -> None:
    """Seen to fail without the bounds: the calls beyond them waited with the others."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{small.admin}") as channel:
        work = channel.unary_unary(WORK, request_serializer=None, response_deserializer=None)

        def call(token: str, timeout_s: float = ANSWERED_WITHIN_S) -> "grpc.aio.UnaryUnaryCall[bytes, bytes]":
            return work(b"", metadata=(("authorization", f"Bearer {token}"),), timeout=timeout_s)

        running = [asyncio.ensure_future(call(token, 60)) for token in ("one", "one", "two")]
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            while small.admin_service.under_way < CALLS:
                await asyncio.sleep(0.02)
        assert await refusal(call("one")) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "as many calls under way as one token",
        )
        assert await refusal(call("two")) == (grpc.StatusCode.UNAVAILABLE, "as many calls as it can serve")
        assert await rest_refusal(small.admin, "one") == (429, "TOO_MANY_OWN_CALLS")
        assert await rest_refusal(small.admin, "two") == (503, "ADMIN_API_BUSY")
        assert await answered(small.model)
        small.admin_service.released.set()
        assert await asyncio.gather(*running) == [b""] * CALLS
        for token in ("one", "two"):
            with suppress(grpc.aio.AioRpcError):  # the place is free once Envoy has destroyed the last call
                await call(token)
            assert await call(token) == b""


SAID = "as many calls under way as one token", "as many calls as it can serve"


async def refusal(call: "grpc.aio.UnaryUnaryCall[bytes, bytes]") -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    details = refused.value.details() or ""
    return refused.value.code(), next(part for part in SAID if part in details)


async def rest_refusal(port: int, token: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{port}/v1/organizations/acme/apiKeys"
    headers = {"authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, json.loads(await response.read())["details"][0]["reason"]
