"""The embedded PostgreSQL: initialized once in its directory, then run as an ordinary child process.

It listens only on the loopback interface. It requires a password (SCRAM), because other users of the machine can reach that
interface too.

PostgreSQL refuses to run as root, so root runs it as another user. That user may be unable to reach the data by its path: for
example, a home below /root is closed to it. But a process needs no permission for the directories above its working
directory. So the server starts inside its data directory, gets `/proc/self/cwd` as the path of that directory, and reaches
everything from there. No directory is opened, no capability is granted, and the data stays in the home.
"""

import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from megarouter_envoy.settings.variables import HOST

from deploy.local.process.children import ChildCommand, run_child, start_child, stop_child, wait_until_ready
from deploy.local.process.privilege import Account, unprivileged_account
from deploy.local.process.reachable_programs import installed_programs, reachable_programs

USER = "megarouter"
DATABASE = "megarouter"

INITDB_TIMEOUT_S = 60.0
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
FAST_SHUTDOWN = signal.SIGINT
PASSWORD_FILE = "password"  # noqa: S105 - a file name; the file exists only during initdb
READY_LINE = 7  # of postmaster.pid, counted from 0


_WORKING_DIRECTORY = "/proc/self/cwd"
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


def data_directory(directory: Path) -> Path:
    """Returns the path of the database cluster inside `directory`."""
    return directory / "data"


def postgres_url(port: int, password: str) -> str:
    """Returns the connection URL of the owner."""
    return f"postgresql://{USER}:{password}@{HOST}:{port}/{DATABASE}"


def settings(port: int, *, durable: bool) -> dict[str, str]:
    """Returns the settings that differ from PostgreSQL's defaults.

    PostgreSQL logs errors without the statement and its values, because those may contain secrets.

    Args:
        port: to listen on.
        durable: False makes PostgreSQL faster, but a crash of the operating system may lose the data.
    """
    values = {
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
    }
    if not durable:
        values |= {"fsync": "off", "full_page_writes": "off"}
    return values


def server_child(directory: Path, port: int, log_file: Path, *, durable: bool) -> ChildCommand:
    """Returns the command that runs the server.

    Raises:
        PrivilegeError: this process is root, and the user that runs PostgreSQL cannot reach its programs.
    """
    account, data = unprivileged_account(), data_directory(directory)
    options = [part for name, value in settings(port, durable=durable).items() for part in ("-c", f"{name}={value}")]
    return ChildCommand(
        command=[postgres_program("postgres", account), "-D", _name_of(data, account), *options],
        environment=_ENVIRONMENT,
        directory=data,
        log_file=log_file,
        death_signal=FAST_SHUTDOWN,
        account=account,
    )


def postgres_program(name: str, account: Account | None) -> str:
    """Returns the path of a program of PostgreSQL that the account can reach."""
    return str((installed_programs() if account is None else reachable_programs(account)) / name)


def _name_of(data: Path, account: Account | None) -> str:
    """Returns the path by which a server with this working directory reaches its data."""
    return str(data) if account is None else _WORKING_DIRECTORY


def prepare_postgres(directory: Path, password: str, log_file: Path) -> None:
    """Creates the cluster with its owner and database unless it exists. Discards an interrupted attempt.

    Raises:
        StartError: initdb failed.
        PrivilegeError: see `server_child`.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if data_directory(directory).exists():
        return
    account = unprivileged_account()
    unfinished = directory / "unfinished"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    if account is not None:
        for made in (directory, unfinished):
            os.chown(made, account.user_id, account.group_id)
    password_file = directory / PASSWORD_FILE
    _write_private(password_file, password, account)
    try:
        _initialize(unfinished, log_file, account)
    finally:
        password_file.unlink()
    unfinished.rename(data_directory(directory))


def _initialize(cluster: Path, log_file: Path, account: Account | None) -> None:
    name_of_cluster = _name_of(cluster, account)
    steps = {
        "initdb": (
            [
                *("initdb", "-D", name_of_cluster, "-U", USER, "--auth=scram-sha-256", f"--pwfile=../{PASSWORD_FILE}"),
                *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8"),
                *("--no-sync", "--no-instructions"),
            ],
            b"",
        ),
        "create database": (
            ["postgres", "--single", "-D", name_of_cluster, "template1"],
            f"CREATE DATABASE {DATABASE}\n".encode(),
        ),
    }
    for name, ((binary, *arguments), stdin) in steps.items():
        command = [postgres_program(binary, account), *arguments]
        child = ChildCommand(command, _ENVIRONMENT, cluster, log_file, signal.SIGKILL, account)
        run_child(child, f"PostgreSQL ({name})", INITDB_TIMEOUT_S, stdin)


def _write_private(path: Path, text: str, account: Account | None) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if account is not None:
            os.fchown(descriptor, account.user_id, account.group_id)
        file.write(text)


def is_postgres_ready(directory: Path, pid: int) -> bool:
    """Returns whether the server with this pid accepts connections, according to its `postmaster.pid`."""
    try:
        lines = (data_directory(directory) / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return len(lines) > READY_LINE and lines[0] == str(pid) and lines[READY_LINE].strip() == "ready"


@dataclass
class PostgresServer:
    """A running server, for tests and tools that need only a database."""

    url: str
    directory: Path
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Stops the server. PostgreSQL rolls back open transactions. The data stays."""
        stop_child(self.process, FAST_SHUTDOWN, STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_postgres(directory: Path, port: int, *, password: str | None = None, durable: bool = False) -> PostgresServer:
    """Starts a server with its data below `directory` and waits until it accepts connections.

    Args:
        directory: holds the data and the log.
        port: to listen on, at 127.0.0.1.
        password: of the owner. Default: a random one. Pass a password if you will start again on the same directory.
        durable: if False, a crash of the operating system may lose the data. A crash of PostgreSQL does not.

    Raises:
        StartError: the server did not become ready.
        PrivilegeError: see `server_child`.
    """
    password = password or secrets.token_urlsafe(24)
    directory = directory.resolve()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    log_file = directory / "postgres.log"
    prepare_postgres(directory, password, log_file)
    process = start_child(server_child(directory, port, log_file, durable=durable))
    wait_until_ready(process, "PostgreSQL", log_file, lambda pid: is_postgres_ready(directory, pid), START_TIMEOUT_S)
    return PostgresServer(postgres_url(port, password), directory, process)
