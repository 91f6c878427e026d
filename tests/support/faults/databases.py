"""PostgreSQL and Redis for the fault suite, each behind a proxy, so that both the server and the connection to it can fail."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.process.children import ChildCommand, start_child, stop_child, wait_until_ready
from deploy.local.programs import postgres, redis
from tests.support.faults.tcp_proxy import TcpProxy
from tests.support.ports import free_port

PASSWORD = "fault-suite-only"
START_TIMEOUT_S = 30.0


class Server:
    """A database server that a test may kill, freeze and start again. `url` bypasses the proxy; `proxied_url` goes through it."""

    name = ""
    stop_signal = signal.SIGTERM

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.proxy = TcpProxy(self.port)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    @property
    def proxied_url(self) -> str:
        return self.url_at(self.proxy.port)

    def url_at(self, port: int) -> str:
        raise NotImplementedError

    def child(self) -> ChildCommand:
        raise NotImplementedError

    def is_ready(self, pid: int) -> bool:
        raise NotImplementedError

    def launch(self) -> subprocess.Popen[bytes]:
        """Starts the server without waiting for it. Call it from the main thread."""
        self._process = start_child(self.child())
        return self._process

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        wait_until_ready(process, self.name, self.child().log_file, self.is_ready, START_TIMEOUT_S)

    async def start(self) -> None:
        await asyncio.to_thread(self.wait, self.launch())

    async def kill(self) -> None:
        """Sends SIGKILL to the server and all its children."""
        process = self._running()
        self._signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait, START_TIMEOUT_S)

    async def terminate(self) -> None:
        """Ends the server gracefully."""
        await asyncio.to_thread(stop_child, self._running(), self.stop_signal, START_TIMEOUT_S)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            stop_child(self._process, self.stop_signal, START_TIMEOUT_S)

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def _signal(self, number: signal.Signals) -> None:
        """Returns the processes to signal, the server first, so that it does not replace a lost child."""
        pid = self._running().pid
        children = _children(pid)
        os.kill(pid, number)
        for child in children:
            try:
                os.kill(child, number)
            except ProcessLookupError:
                continue


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Postgres(Server):
    name = "PostgreSQL"
    stop_signal = postgres.FAST_SHUTDOWN

    def prepare(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        postgres.prepare_postgres(self.directory, PASSWORD, self.directory / "postgres.log")

    def url_at(self, port: int) -> str:
        return postgres.postgres_url(port, PASSWORD)

    def child(self) -> ChildCommand:
        # Durable: commits must survive SIGKILL, and the tests measure crash recovery.
        return postgres.server_child(self.directory, self.port, self.directory / "postgres.log", durable=True)

    def is_ready(self, pid: int) -> bool:
        return postgres.is_postgres_ready(self.directory, pid)


class Redis(Server):
    name = "Redis"

    def prepare(self) -> None:
        redis.prepare_redis(self.directory, self.port, PASSWORD)

    def url_at(self, port: int) -> str:
        return redis.redis_url(port, PASSWORD)

    def child(self) -> ChildCommand:
        return redis.server_child(self.directory, self.directory / "redis.log")

    def is_ready(self, _pid: int) -> bool:
        return redis.is_redis_ready(self.port, PASSWORD)

    @property
    def snapshot_file(self) -> Path:
        """The file that SAVE writes and that the server reads at its start. Only tests create it."""
        return self.directory / "dump.rdb"


@contextmanager
def running(directory: Path) -> Iterator[tuple[Postgres, Redis]]:
    """Runs both servers with their proxies."""
    database, counters = Postgres(directory / "postgres"), Redis(directory / "redis")
    database.prepare()
    counters.prepare()
    try:
        for server in (database, counters):
            server.wait(server.launch())
        with database.proxy, counters.proxy:
            yield database, counters
    finally:
        database.stop()
        counters.stop()


@contextmanager
def running_redis(directory: Path) -> Iterator[Redis]:
    """Runs a Redis alone, without its proxy."""
    counters = Redis(directory)
    counters.prepare()
    try:
        counters.wait(counters.launch())
        yield counters
    finally:
        counters.stop()
