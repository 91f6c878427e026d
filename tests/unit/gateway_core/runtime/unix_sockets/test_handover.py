"""A process takes over a Unix socket. At every moment, a connection reaches the old process or the new one."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from gateway_core.runtime.unix_sockets.handover import ArrivingSockets


@asynccontextmanager
async def answering(path: Path, word: bytes) -> AsyncIterator[None]:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(word)
        writer.close()

    async with await asyncio.start_unix_server(answer, path):
        yield


async def answer_of(path: Path) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    word = await reader.read()
    writer.close()
    return word


async def test_the_old_process_serves_until_the_new_one_is_ready(tmp_path: Path) -> None:
    public = tmp_path / "service.sock"
    sockets = ArrivingSockets([public])
    ready = False
    async with answering(public, b"old"), answering(sockets.path_of(public), b"new"):
        taking_over = asyncio.create_task(sockets.take_over(lambda: ready))
        await asyncio.sleep(0.1)
        assert await answer_of(public) == b"old"
        ready = True
        await taking_over
        assert await answer_of(public) == b"new"


async def test_no_connection_is_refused_during_the_takeover(tmp_path: Path) -> None:
    """Seen to fail when the new process removes the old socket and listens at its name."""
    public = tmp_path / "service.sock"
    answers: list[bytes] = []

    async def connect_all_the_time() -> None:
        while True:
            answers.append(await answer_of(public))

    async with AsyncExitStack() as servers, asyncio.timeout(30):
        await servers.enter_async_context(answering(public, b"0"))
        connecting = asyncio.create_task(connect_all_the_time())
        for number in range(1, 20):
            sockets = ArrivingSockets([public])
            await servers.enter_async_context(answering(sockets.path_of(public), str(number).encode()))
            await asyncio.sleep(0.005)
            await sockets.take_over(lambda: True)
        while answers[-1:] != [b"19"]:
            assert not connecting.done(), connecting.exception()
            await asyncio.sleep(0.005)
        connecting.cancel()
    assert len(set(answers)) > 5


async def test_a_service_that_is_not_ready_listens_at_once_if_nobody_else_does(tmp_path: Path) -> None:
    public = tmp_path / "service.sock"
    public.touch()  # left by a killed process
    sockets = ArrivingSockets([public])
    async with answering(sockets.path_of(public), b"new"):
        async with asyncio.timeout(30):
            await sockets.take_over(lambda: False)
        assert await answer_of(public) == b"new"


async def test_services_with_the_same_process_id_start_together_in_one_directory(tmp_path: Path) -> None:
    """As in containers that share a volume. Seen to fail when the name before the takeover was made of the process id alone."""
    public = [tmp_path / f"{name}.sock" for name in ("admin", "authz", "notification", "ratelimit", "usage")]
    starting = [ArrivingSockets([path]) for path in public]
    async with AsyncExitStack() as servers:
        for path, sockets in zip(public, starting, strict=True):
            await servers.enter_async_context(answering(sockets.path_of(path), path.name.encode()))
        for sockets in starting:
            await sockets.take_over(lambda: True)
        assert [await answer_of(path) for path in public] == [path.name.encode() for path in public]


def test_the_name_before_the_takeover_is_no_longer_than_public_names(tmp_path: Path) -> None:
    """The path of a Unix socket has at most 107 bytes, and the directory may take 80 of them."""
    sockets = ArrivingSockets([tmp_path / "ratelimit-envoy-15.sock", tmp_path / "ratelimit-15.sock"])
    for public in (tmp_path / "ratelimit-envoy-15.sock", tmp_path / "ratelimit-15.sock"):
        assert len(sockets.path_of(public).name.replace(str(os.getpid()), "4194304")) <= len("ratelimit-envoy-15.sock")
