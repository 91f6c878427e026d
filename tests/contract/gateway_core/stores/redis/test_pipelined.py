"""The pipelined client against a real Redis: pipelining, time limits, lost connections, scripts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError, ResponseError, TimeoutError  # noqa: A004 - Redis's names

from deploy.local.programs.redis import RedisServer, start_redis
from gateway_core.stores.redis.connections import UNAVAILABLE
from gateway_core.stores.redis.pipelined import PipelinedRedis
from gateway_core.stores.redis.wire import NotSentError
from tests.support.faults.tcp_proxy import TcpProxy
from tests.support.ports import free_port
from tests.support.running_time import running_time

ECHO = "return {KEYS[1], ARGV[1]}"


@pytest.fixture
async def client(redis_server: RedisServer, redis: Redis) -> AsyncIterator[PipelinedRedis]:
    async with aclosing(PipelinedRedis(redis_server.url, timeout_ms=20_000)) as client:
        yield client


def through(proxy: TcpProxy, server: RedisServer) -> str:
    return server.url.replace(f":{urlsplit(server.url).port}", f":{proxy.port}")


def proxy_of(server: RedisServer) -> TcpProxy:
    return TcpProxy(urlsplit(server.url).port or 0)


async def test_every_command_gets_its_own_answer(client: PipelinedRedis) -> None:
    answers = await asyncio.gather(*(client.execute("ECHO", f"n{number}") for number in range(500)))
    assert answers == [f"n{number}" for number in range(500)]


async def test_concurrent_commands_share_a_connection(client: PipelinedRedis, redis: Redis) -> None:
    await client.ping()
    before = int((await redis.info("stats"))["total_connections_received"])
    await asyncio.gather(*(client.ping() for _ in range(200)))
    assert int((await redis.info("stats"))["total_connections_received"]) == before


async def test_answers_of_every_size_arrive_complete(client: PipelinedRedis) -> None:
    texts = ["", "x", "é" * 70_000, "y" * 3_000_000]
    assert await asyncio.gather(*(client.execute("ECHO", text) for text in texts)) == texts


async def test_a_script_runs_after_the_server_forgot_it(client: PipelinedRedis, redis: Redis) -> None:
    script = client.register_script(ECHO)
    assert await script(keys=["k"], args=["a"]) == ["k", "a"]
    await redis.script_flush()
    assert await asyncio.gather(*(script(keys=["k"], args=[number]) for number in range(3))) == [
        ["k", str(number)] for number in range(3)
    ]


async def test_a_failed_script_does_not_affect_others(client: PipelinedRedis) -> None:
    broken = client.register_script("return redis.call('HGET', KEYS[1])")
    answers = await asyncio.gather(client.ping(), broken(keys=["k"]), client.ping(), return_exceptions=True)
    assert (answers[0], answers[2]) == ("PONG", "PONG")
    assert isinstance(answers[1], ResponseError)


async def test_a_canceled_caller_does_not_take_anothers_answer(client: PipelinedRedis) -> None:
    await client.ping()
    leaving = asyncio.ensure_future(client.execute("ECHO", "left"))
    staying = asyncio.ensure_future(client.execute("ECHO", "stayed"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == "stayed"


async def test_a_connection_closed_by_the_server_is_replaced_transparently(
    client: PipelinedRedis, redis: Redis
) -> None:
    assert await client.ping() == "PONG"
    await redis.client_kill_filter(_type="normal", skipme=True)
    assert await client.ping() == "PONG"


async def test_a_hanging_server_fails_calls_in_time_and_serves_again_later(redis_server: RedisServer) -> None:
    with proxy_of(redis_server) as proxy:
        async with aclosing(PipelinedRedis(through(proxy, redis_server), timeout_ms=1_000)) as client:
            await client.ping()
            proxy.stall()
            async with running_time() as passed_s:
                answers = await asyncio.gather(*(client.ping() for _ in range(50)), return_exceptions=True)
                assert all(isinstance(answer, TimeoutError) for answer in answers)
                assert passed_s() < 1.2
            proxy.restore()
            await _served_again(client)


async def test_a_slow_answer_within_the_time_limit_succeeds(client: PipelinedRedis, redis: Redis) -> None:
    await client.ping()
    await redis.client_pause(300)
    assert await client.ping() == "PONG"


async def test_calls_fail_immediately_without_a_server_and_work_once_it_returns(tmp_path: Path) -> None:
    port = free_port()
    with start_redis(tmp_path / "first", port) as server:
        url = server.url
        client = PipelinedRedis(url)
        assert await client.ping() == "PONG"
    async with running_time() as passed_s:
        for _ in range(20):
            with pytest.raises(UNAVAILABLE):
                await client.ping()
        assert passed_s() < 0.5
    with start_redis(tmp_path / "first", port, password=urlsplit(url).password):
        await _served_again(client)
    await client.aclose()


async def test_more_commands_than_may_wait_are_refused(redis_server: RedisServer) -> None:
    with proxy_of(redis_server) as proxy:
        client = PipelinedRedis(through(proxy, redis_server), timeout_ms=1_000, most_waiting=10)
        await client.ping()
        proxy.stall()
        answers = await asyncio.gather(*(client.ping() for _ in range(15)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [TimeoutError] * 10 + [NotSentError] * 5
        await client.aclose()


async def test_closing_fails_waiting_callers(redis_server: RedisServer) -> None:
    with proxy_of(redis_server) as proxy:
        client = PipelinedRedis(through(proxy, redis_server))
        await client.ping()
        proxy.stall()
        waiting = asyncio.ensure_future(client.execute("ECHO", "x"))
        await asyncio.sleep(0.01)
        proxy.cut()
        with pytest.raises(ConnectionError):
            await waiting
        await client.aclose()


async def test_a_wrong_password_is_unavailable_or_refused_and_never_shown(redis_server: RedisServer) -> None:
    secret = "not-the-password"
    url = redis_server.url.replace(urlsplit(redis_server.url).password or "-", secret)
    client = PipelinedRedis(url)
    with pytest.raises((ConnectionError, ResponseError)) as raised:
        await client.ping()
    assert secret not in str(raised.value)
    await client.aclose()


async def test_malformed_answers_end_the_connection() -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = PipelinedRedis(f"redis://127.0.0.1:{port}", timeout_ms=300)
    with pytest.raises(UNAVAILABLE):
        await client.ping()
    await client.aclose()
    server.close()


async def test_answers_split_at_every_byte_are_reassembled(redis_server: RedisServer) -> None:
    parts = b"*2\r\n$2\r\nab\r\n:7\r\n+PONG\r\n"

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        for index in range(len(parts)):
            writer.write(parts[index : index + 1])
            await writer.drain()
            await asyncio.sleep(0)

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    client = PipelinedRedis(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    answers = await asyncio.gather(*(client.execute(name) for name in ("X", "Y")))
    assert answers == [["ab", 7], "PONG"]
    await client.aclose()
    server.close()


async def _served_again(client: PipelinedRedis) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                assert await client.ping() == "PONG"
            except UNAVAILABLE:
                await asyncio.sleep(0.01)
            else:
                return
