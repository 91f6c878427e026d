"""The behavior that a gRPC client may rely on, tested on both transports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from gateway_core.runtime.lean_grpc.server import LeanServer
from gateway_core.runtime.unary import generic_handler
from tests.contract.gateway_core.runtime.lean_grpc.methods import Answers

StatusCode = grpc.StatusCode


@asynccontextmanager
async def served_by_grpcio(answers: Answers, path: Path) -> AsyncIterator[None]:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 1024 * 1024)])
    server.add_generic_rpc_handlers((generic_handler(answers.methods),))
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    yield
    answers.release.set()
    await server.stop(1)


@asynccontextmanager
async def served_leanly(answers: Answers, path: Path) -> AsyncIterator[None]:
    async with LeanServer(answers.methods).listening(path, 1_000):
        yield
        answers.release.set()


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture(params=[served_by_grpcio, served_leanly], ids=["grpcio", "lean"])
async def channel(request: pytest.FixtureRequest, answers: Answers, tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    path = tmp_path / "s"
    async with (
        request.param(answers, path),
        grpc.aio.insecure_channel(f"unix:{path}", options=[("grpc.max_receive_message_length", -1)]) as channel,
    ):
        yield channel


async def ask(
    channel: grpc.aio.Channel,
    method: str,
    request: bytes = b"",
    timeout_s: float = 5,
    metadata: tuple[tuple[str, str], ...] = (),
) -> bytes:
    return await _method(channel, method)(request, timeout=timeout_s, metadata=metadata)


def _method(channel: grpc.aio.Channel, name: str) -> "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]":
    return channel.unary_unary(f"/test.Test/{name}", request_serializer=None, response_deserializer=None)


async def status(
    channel: grpc.aio.Channel, method: str, request: bytes = b"", timeout_s: float = 5
) -> tuple[StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await ask(channel, method, request, timeout_s)
    return raised.value.code(), raised.value.details() or ""


@pytest.mark.parametrize("size", [0, 1, 16_379, 16_380, 65_535, 300_000, 1024 * 1024])
async def test_messages_of_every_size_arrive_complete(channel: grpc.aio.Channel, size: int) -> None:
    message = bytes(index % 251 for index in range(size))
    assert await ask(channel, "Echo", message) == message


async def test_an_answer_larger_than_all_windows_arrives(channel: grpc.aio.Channel) -> None:
    assert len(await ask(channel, "Long", b"5000000")) == 5_000_000


async def test_each_of_many_concurrent_calls_gets_its_own_answer(channel: grpc.aio.Channel) -> None:
    requests = [f"{number}".encode() * 50 for number in range(1_000)]
    assert await asyncio.gather(*(ask(channel, "Echo", request) for request in requests)) == requests


async def test_a_message_beyond_the_size_limit_is_refused_without_affecting_others(channel: grpc.aio.Channel) -> None:
    code, _ = await status(channel, "Echo", b"x" * (1024 * 1024 + 1))
    assert code is StatusCode.RESOURCE_EXHAUSTED
    assert await ask(channel, "Echo", b"y") == b"y"


async def test_metadata_reaches_the_handler(channel: grpc.aio.Channel) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for _ in range(3):
        assert await ask(channel, "Header", b"traceparent", metadata=(("traceparent", trace),)) == trace.encode()
    assert await ask(channel, "Header", b"traceparent") == b""


@pytest.mark.parametrize("text", ["no", "50 % off: naïve, 你好", "a\tb\nc", "", "x" * 300])
async def test_a_status_and_its_text_arrive_unchanged(channel: grpc.aio.Channel, text: str) -> None:
    assert await status(channel, "Refuse", text.encode()) == (StatusCode.PERMISSION_DENIED, text)


async def test_a_fault_in_a_handler_is_internal_without_details(channel: grpc.aio.Channel) -> None:
    code, text = await status(channel, "BreakDown")
    assert (code, "secret" in text) == (StatusCode.INTERNAL, False)
    assert await ask(channel, "Echo", b"y") == b"y"


async def test_an_unknown_method_is_unimplemented(channel: grpc.aio.Channel) -> None:
    assert (await status(channel, "Nothing"))[0] is StatusCode.UNIMPLEMENTED


async def test_a_call_past_its_deadline_fails_and_its_handler_ends(channel: grpc.aio.Channel, answers: Answers) -> None:
    assert (await status(channel, "Wait", timeout_s=0.2))[0] is StatusCode.DEADLINE_EXCEEDED
    await _until(lambda: answers.canceled == 1)


async def test_a_canceled_call_ends_its_handler(channel: grpc.aio.Channel, answers: Answers) -> None:
    call = _method(channel, "Wait")(b"")
    await _until(lambda: answers.under_way == 1)
    call.cancel()
    await _until(lambda: answers.canceled == 1)
    assert await ask(channel, "Echo", b"y") == b"y"


@pytest.mark.parametrize("size", [1, 300_000])
async def test_an_answer_whose_head_was_sent_before_arrives_complete(
    channel: grpc.aio.Channel, answers: Answers, size: int
) -> None:
    waiting = asyncio.ensure_future(ask(channel, "Announce", b"z" * size))
    await _until(lambda: answers.under_way == 1)
    assert await ask(channel, "Echo", b"y") == b"y"
    answers.release.set()
    assert await waiting == b"z" * size


async def test_a_stop_lets_calls_under_way_finish(tmp_path: Path, answers: Answers) -> None:
    path = tmp_path / "s"
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        async with served_leanly(answers, path):
            waiting = asyncio.ensure_future(ask(channel, "Wait", b"z"))
            await _until(lambda: answers.under_way == 1)
        assert await waiting == b"z"
        assert (await status(channel, "Echo", timeout_s=1))[0] is StatusCode.UNAVAILABLE


async def test_a_stop_waits_no_longer_than_its_grace_period(tmp_path: Path, answers: Answers) -> None:
    path = tmp_path / "s"
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        async with asyncio.timeout(30), LeanServer(answers.methods).listening(path, 100):
            waiting = asyncio.ensure_future(status(channel, "Wait"))
            await _until(lambda: answers.under_way == 1)
        assert (await waiting)[0] is StatusCode.UNAVAILABLE
        assert answers.canceled == 1


async def _until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)
