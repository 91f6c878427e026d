"""Envoy sends a call of the admin API again if it reached a server that was stopping, and no other call.

`tests/contract/gateway_core/runtime/test_stopping_server.py` shows what such a server answers.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import pytest
from megarouter_envoy.options import Limits

from tests.support.checkout.source_tree import modules_below, name_of
from tests.support.envoys.small_envoy import SmallEnvoy, running_small_envoy

WORK = "/megarouter.admin.v1.ApiKeys/ListApiKeys"
STOPPING = grpc.StatusCode.CANCELLED

Call = Callable[[], Awaitable[grpc.StatusCode]]


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[SmallEnvoy]:
    async with running_small_envoy(tmp_path, Limits()) as running:
        running.admin_service.released.set()
        yield running


@pytest.fixture
async def call(small: SmallEnvoy) -> AsyncIterator[Call]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{small.admin}") as channel:
        work = channel.unary_unary(WORK, request_serializer=None, response_deserializer=None)

        async def call() -> grpc.StatusCode:
            calling = work(b"", metadata=(("authorization", "Bearer mr-ada"),), timeout=10)
            code: grpc.StatusCode = await calling.code()
            return code

        yield call


async def test_a_call_that_reached_a_stopping_server_is_sent_again(small: SmallEnvoy, call: Call) -> None:
    """Seen to fail without `cancelled` among the causes of a retry."""
    small.admin_service.answers = [STOPPING, STOPPING]
    assert await call() is grpc.StatusCode.OK
    assert small.admin_service.calls == 3


@pytest.mark.parametrize("status", [one for one in grpc.StatusCode if one not in {grpc.StatusCode.OK, STOPPING}])
async def test_a_call_that_a_handler_refused_is_not_sent_again(
    small: SmallEnvoy, call: Call, status: grpc.StatusCode
) -> None:
    small.admin_service.answers = [status]
    assert await call() is status
    assert small.admin_service.calls == 1


async def test_a_question_that_reached_a_stopping_server_is_asked_again(small: SmallEnvoy, call: Call) -> None:
    small.admin_service.replies = [STOPPING, STOPPING]
    assert await call() is grpc.StatusCode.OK
    assert (small.admin_service.questions, small.admin_service.calls) == (3, 1)


async def test_a_stopping_server_proves_no_credential(small: SmallEnvoy, call: Call) -> None:
    """Seen to fail when the door took CANCELLED for the answer of a handler: the credential was known from then on."""
    small.admin_service.replies = [STOPPING] * 3
    assert await call() is grpc.StatusCode.UNAVAILABLE
    assert small.admin_service.calls == 0
    assert await call() is grpc.StatusCode.OK
    assert small.admin_service.questions == 4


def test_no_handler_answers_what_a_stopping_server_answers() -> None:
    """Envoy would call it again."""
    handlers = modules_below("admin_service", "gateway_core")
    assert [name_of(path) for path in handlers if "StatusCode.CANCELLED" in path.read_text("utf-8")] == []
