"""Where a stack keeps its files, and which ports it takes."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

# A Unix socket's path has room for 107 bytes; the longest name below is added to the directory.
SOCKETS_DIRECTORY_MAX_BYTES = 80
SERVICES = ("authz", "ratelimit", "usage", "admin")
SPREAD_SERVICES = ("authz", "ratelimit")
"""What every call asks, so what workers help. A journal has one reader, and few calls come to the admin API."""
MAX_WORKERS = 16
HOST = "127.0.0.1"
_FIRST_PORTS = 10  # with one worker
REPOSITORY = Path(__file__).resolve().parents[3]


class LayoutError(Exception):
    """The home or the ports cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Ports:
    """The consecutive ports of one stack, all on the loopback interface."""

    base: int
    workers: int = 1
    """Of each of the services that have them."""

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MAX_WORKERS:
            raise LayoutError(f"--workers {self.workers}: choose a number from 1 to {MAX_WORKERS}")
        highest = 65_536 - _FIRST_PORTS - len(SPREAD_SERVICES) * (self.workers - 1)
        if not 1024 <= self.base <= highest:
            raise LayoutError(f"--port-base {self.base}: choose a number from 1024 to {highest}")

    @property
    def model(self) -> int:
        """The listener model calls go to."""
        return self.base

    @property
    def admin(self) -> int:
        """The listener of the admin API."""
        return self.base + 1

    @property
    def envoy_admin(self) -> int:
        """Envoy's own pages."""
        return self.base + 2

    @property
    def postgres(self) -> int:
        """The embedded PostgreSQL."""
        return self.base + 3

    @property
    def redis(self) -> int:
        """The embedded Redis."""
        return self.base + 4

    @property
    def mock_provider(self) -> int:
        """The mock provider."""
        return self.base + 5

    def metrics(self, service: str, worker: int = 0) -> int:
        """Where a service is scraped: `authz`, `ratelimit`, `usage` or `admin`."""
        if worker == 0:
            return self.base + 6 + SERVICES.index(service)
        further = len(SPREAD_SERVICES) * (worker - 1) + SPREAD_SERVICES.index(service)
        return self.base + _FIRST_PORTS + further

    def workers_of(self, service: str) -> range:
        """The numbers of its workers."""
        return range(self.workers if service in SPREAD_SERVICES else 1)


@dataclass(frozen=True)
class Home:
    """The directory of one stack. Absolute."""

    directory: Path

    @property
    def postgres(self) -> Path:
        """The database's own directory; belongs to another user when the runner is root."""
        return self.directory / "postgres"

    @property
    def redis(self) -> Path:
        """Redis's configuration."""
        return self.directory / "redis"

    @property
    def envoy(self) -> Path:
        """The bootstrap."""
        return self.directory / "envoy"

    @property
    def provider_secrets(self) -> Path:
        """One file per provider credential, mode 0600."""
        return self.envoy / "credentials"

    @property
    def admin_json_types_file(self) -> Path:
        """What the JSON of REST calls is checked by; made from the protos."""
        return self.envoy / "admin_json_types.lua"

    @property
    def edge_secret_file(self) -> Path:
        """What Envoy proves itself with to admin_service, mode 0600."""
        return self.envoy / "edge-secret"

    @property
    def bootstrap_file(self) -> Path:
        """Envoy's configuration, mode 0600."""
        return self.envoy / "bootstrap.json"

    @property
    def bootstrap_stamp_file(self) -> Path:
        """What Envoy's configuration was made from."""
        return self.envoy / "made-from.json"

    @property
    def catalog_summary_file(self) -> Path:
        """What the runner remembers of the catalogue."""
        return self.directory / "catalog-summary.json"

    @property
    def journal_file(self) -> Path:
        """What Envoy writes about each call, and usage_service replays."""
        return self.directory / "journal" / "usage.log"

    @property
    def logs(self) -> Path:
        """One file per process."""
        return self.directory / "logs"

    @property
    def secrets_file(self) -> Path:
        """Passwords and keys made for this home, mode 0600."""
        return self.directory / "secrets.json"

    @property
    def demo_secrets_file(self) -> Path:
        """The keys and token of the demo organization, kept by its seeder, mode 0600."""
        return self.directory / "demo-secrets.json"

    @property
    def demo_file(self) -> Path:
        """The demo organization with its keys and tokens as JSON, mode 0600."""
        return self.directory / "demo.json"

    @property
    def environment_file(self) -> Path:
        """`KEY=VALUE` lines for clients, mode 0600; exists while the stack is up."""
        return self.directory / "env"

    @property
    def state_file(self) -> Path:
        """What runs, for status and for cleaning up."""
        return self.directory / "state.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the supervisor as long as it lives."""
        return self.directory / "lock"

    @property
    def sockets(self) -> Path:
        """The directory of Unix sockets: in the home, or in the system's temporary folder if the path is too long."""
        return sockets_directory(self.directory, Path(tempfile.gettempdir()), os.geteuid())

    @property
    def control_socket(self) -> Path:
        """Where the supervisor takes commands."""
        return self.sockets / "supervisor.sock"

    def socket(self, service: str, worker: int = 0) -> Path:
        """The socket of a service: `authz`, `ratelimit`, `usage` or `admin`."""
        return self.sockets / f"{service}{_number(worker)}.sock"

    def envoy_socket(self, service: str, worker: int = 0) -> Path:
        """Where Envoy asks `authz` and `ratelimit`."""
        return self.sockets / f"{service}-envoy{_number(worker)}.sock"

    def log_file(self, name: str) -> Path:
        """The log of a process."""
        return self.logs / f"{name}.log"


def process_name(service: str, worker: int = 0) -> str:
    """What a service's process is called in tables and logs."""
    return f"{service}_service{_number(worker)}"


def _number(worker: int) -> str:
    """As Envoy's configuration numbers sockets: the first has no number."""
    return f"-{worker}" if worker else ""


def sockets_directory(home: Path, temporary: Path, user_id: int) -> Path:
    """A directory short enough for socket paths, always the same for a home."""
    inside = home / "sockets"
    if len(os.fsencode(inside)) <= SOCKETS_DIRECTORY_MAX_BYTES:
        return inside
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return temporary / f"megarouter-{user_id}-{digest}"


def make_home(home: Home) -> None:
    """Makes the directories, which only their owner can enter.

    Raises:
        LayoutError: a directory cannot be made, or the one for sockets belongs to somebody else.
    """
    try:
        home.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for directory in (home.envoy, home.provider_secrets, home.journal_file.parent, home.logs):
            directory.mkdir(mode=0o700, exist_ok=True)
        _make_private(home.sockets)
    except OSError as error:
        raise LayoutError(f"--home {home.directory}: {error.filename}: {error.strerror}") from error


def _make_private(directory: Path) -> None:
    """In a folder open to all, somebody may have made the directory first: use it only if it is ours alone."""
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise LayoutError(f"{directory} must be a directory that only you can enter: remove it and try again")
