"""Changes by an admin through Envoy's admin listener take effect in the data plane within a second."""

import time
import uuid
from collections.abc import AsyncIterator

import asyncpg
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from megarouter.admin.v1 import api_key_pb2, api_key_pb2_grpc, credit_pb2, credit_pb2_grpc
from redis.asyncio import Redis

from deploy.local.supervision.embedded_stack import Stack
from tests.e2e.conftest import FELT_WITHIN_S, Post
from tests.support.data.tenants import CREDIT


@pytest.fixture(scope="module")
async def channel(stack: Stack) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(stack.environment["MEGAROUTER_ADMIN_ADDRESS"]) as opened:
        yield opened


@pytest.fixture(scope="module")
def credentials(stack: Stack) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {stack.environment['MEGAROUTER_ADMIN_TOKEN']}")]


def demo_key(stack: Stack, name: str) -> tuple[str, str]:
    """The resource name and secret of a key of the demo organization."""
    found = next(key for key in stack.demo["api_keys"] if key["name"].endswith(f"/{name}"))
    return found["name"], found["key"]


async def until_answered(post: Post, key: str, status: int) -> None:
    """Waits until calls with a key get a status."""
    started = time.monotonic()
    while (await post(key=key)).status != status:
        assert time.monotonic() - started < FELT_WITHIN_S


async def test_disabling_and_enabling_a_key_takes_effect_soon(
    stack: Stack, channel: grpc.aio.Channel, credentials: list[tuple[str, str]], post: Post
) -> None:
    keys = api_key_pb2_grpc.ApiKeysStub(channel)
    name, key = demo_key(stack, "liam-engineering")
    assert (await post(key=key)).status == 200
    disabled = await keys.DisableApiKey(api_key_pb2.DisableApiKeyRequest(name=name), metadata=credentials)
    assert disabled.state == api_key_pb2.ApiKey.STATE_DISABLED
    await until_answered(post, key, 401)
    await keys.EnableApiKey(api_key_pb2.EnableApiKeyRequest(name=name), metadata=credentials)
    await until_answered(post, key, 200)


async def test_a_top_up_reaches_the_ledger_once_and_redis_soon(
    stack: Stack, channel: grpc.aio.Channel, credentials: list[tuple[str, str]], post: Post, database: asyncpg.Pool
) -> None:
    credit = credit_pb2_grpc.CreditsStub(channel)
    organization = stack.environment["MEGAROUTER_ORGANIZATION"]
    assert (await post(key=demo_key(stack, "olivia-admin")[1])).status == 200
    request = credit_pb2.TopUpCreditRequest(
        parent=organization, amount_nano_credits=5 * CREDIT, reason="test", request_id=str(uuid.uuid4())
    )
    before = await database.fetchval(
        "SELECT count(*) FROM ledger_transfers WHERE kind = 'TOP_UP' AND organization_id = 'acme'"
    )
    for _ in range(2):
        await credit.TopUpCredit(request, metadata=credentials)
    after = await database.fetchval(
        "SELECT count(*) FROM ledger_transfers WHERE kind = 'TOP_UP' AND organization_id = 'acme'"
    )
    assert after == before + 1
    redis = Redis.from_url(stack.environment["MEGAROUTER_REDIS_URL"], decode_responses=True)
    started = time.monotonic()
    while True:
        pool = await redis.hgetall("mr:{acme}:pool")
        row = await database.fetchrow(
            "SELECT balance_nano_credits, sequence FROM ledger_accounts WHERE organization_id = 'acme' AND account = 'CREDIT_POOL'"
        )
        if row and int(pool["balance"]) == row["balance_nano_credits"] and pool["held"] == "0":
            break
        assert time.monotonic() - started < 30, (pool, row)
    await redis.aclose()


async def test_a_call_without_a_token_is_refused(channel: grpc.aio.Channel, stack: Stack) -> None:
    name, _ = demo_key(stack, "liam-engineering")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api_key_pb2_grpc.ApiKeysStub(channel).GetApiKey(api_key_pb2.GetApiKeyRequest(name=name))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_health_and_reflection_are_served(channel: grpc.aio.Channel) -> None:
    health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
    services = {service.name async for answer in answers for service in answer.list_services_response.service}
    assert {"megarouter.admin.v1.ApiKeys", "megarouter.admin.v1.Credits", "grpc.health.v1.Health"} <= services
