"""A real PgBouncer in transaction mode, Debian's package."""

import asyncio
import shutil
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from megarouter_envoy.settings.variables import HOST

from deploy.local.process.children import ChildCommand, start_child, stop_child, wait_until_ready
from deploy.local.process.ownership import give_away
from deploy.local.process.private_files import write_private
from deploy.local.process.privilege import service_account
from gateway_core.runtime.database_urls.postgres import url_at
from tests.support.ports import free_port

_BINARY = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
_NONE = "needs PgBouncer. On Debian, run: apt-get install --no-install-recommends pgbouncer"
_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0


class PgBouncer:
    """A running PgBouncer. `place` is `postgresql://host:port`."""

    def __init__(self, directory: Path, logins: Sequence[str], pool_size: int) -> None:
        assert _BINARY is not None, _NONE
        self._port, server = free_port(), urlsplit(logins[0])
        self.place = f"postgresql://{HOST}:{self._port}"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        users, settings = directory / "users.txt", directory / "pgbouncer.ini"
        write_private(users, "".join(f'"{login.username}" "{login.password}"\n' for login in map(urlsplit, logins)))
        lines = (
            "[databases]",
            f"* = host={server.hostname} port={server.port}",
            "[pgbouncer]",
            f"listen_addr = {HOST}",
            f"listen_port = {self._port}",
            "unix_socket_dir =",
            "pool_mode = transaction",
            "auth_type = scram-sha-256",
            f"auth_file = {users}",
            f"default_pool_size = {pool_size}",
            "max_client_conn = 500",
            "server_login_retry = 1",
        )
        write_private(settings, "\n".join(lines) + "\n")
        give_away(directory)
        self._child = ChildCommand(
            command=[_BINARY, str(settings)],
            account=service_account([Path(_BINARY), settings]),
            environment={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            directory=directory,
            log_file=directory / "pgbouncer.log",
        )
        self._process = start_child(self._child)
        self._wait()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def url_of(self, url: str) -> str:
        """Returns the URL of a login at this place."""
        return url_at(url, self.place)

    def ports_to_server(self) -> set[int]:
        """Returns the ports from which it is connected to the server."""
        return _ports_of(self._process.pid) - {self._port}

    async def restart(self) -> None:
        """Kills it and starts it again."""
        self._process.kill()
        await asyncio.to_thread(self._process.wait, _STOP_TIMEOUT_S)
        self._process = start_child(self._child)
        await asyncio.to_thread(self._wait)

    def stop(self) -> None:
        """Ends it."""
        stop_child(self._process, signal.SIGTERM, _STOP_TIMEOUT_S)

    def _wait(self) -> None:
        wait_until_ready(
            self._process, "PgBouncer", self._child.log_file, lambda _pid: self._accepts(), _START_TIMEOUT_S
        )

    def _accepts(self) -> bool:
        try:
            with socket.create_connection((HOST, self._port), timeout=1):
                return True
        except OSError:
            return False


@contextmanager
def running_pgbouncer(directory: Path, logins: Sequence[str], *, pool_size: int = 8) -> Iterator[PgBouncer]:
    """Runs PgBouncer before one server.

    Args:
        directory: for its files.
        logins: URLs of the roles that log in, all of the same server.
        pool_size: connections to the server for each role.
    """
    bouncer = PgBouncer(directory, logins, pool_size)
    try:
        yield bouncer
    finally:
        bouncer.stop()


def _ports_of(pid: int) -> set[int]:
    """Returns the local ports of a process's TCP connections."""
    targets = (str(descriptor.readlink()) for descriptor in Path(f"/proc/{pid}/fd").iterdir())
    inodes = {target.removeprefix("socket:[").removesuffix("]") for target in targets if target.startswith("socket:[")}
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {int(line[1].rpartition(":")[2], 16) for line in lines if line[9] in inodes}
