"""Where a stack keeps its files, and which ports it uses."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from megarouter_envoy.gateway.folder import EnvoyFolder

from deploy.local.process.ownership import give_away, let_through

# A Unix socket's path may have 107 bytes. The rest is for the longest file name below.
SOCKETS_DIRECTORY_MAX_BYTES = 80
SERVICES = ("authz", "ratelimit", "usage", "admin", "notification")
SPREAD_SERVICES = ("authz", "ratelimit")
"""Services that can run several workers, because Envoy asks them about every call.

The others have one process: the journal has one reader, and the admin API and alerts have little to do.
"""
MAX_WORKERS = 16
_FIRST_PORTS = 12  # with one worker
REPOSITORY = Path(__file__).resolve().parents[3]


class LayoutError(Exception):
    """The home or the ports cannot be used. The message says why and what to do."""


@dataclass(frozen=True)
class Ports:
    """The consecutive ports of one stack, all on the loopback interface."""

    base: int
    workers: int = 1
    """The number of processes of each service in `SPREAD_SERVICES`."""

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= MAX_WORKERS:
            raise LayoutError(f"--workers {self.workers}: choose a number from 1 to {MAX_WORKERS}")
        highest = 65_536 - _FIRST_PORTS - len(SPREAD_SERVICES) * (self.workers - 1)
        if not 1024 <= self.base <= highest:
            raise LayoutError(f"--port-base {self.base}: choose a number from 1024 to {highest}")

    @property
    def model(self) -> int:
        """The port of the listener for model calls."""
        return self.base

    @property
    def admin(self) -> int:
        """The port of the listener for the admin API."""
        return self.base + 1

    @property
    def envoy_metrics(self) -> int:
        """The port where Envoy's metrics and readiness can be read."""
        return self.base + 2

    @property
    def postgres(self) -> int:
        """The port of the embedded PostgreSQL."""
        return self.base + 3

    @property
    def redis(self) -> int:
        """The port of the embedded Redis."""
        return self.base + 4

    @property
    def mock_provider(self) -> int:
        """The port of the mock provider."""
        return self.base + 5

    @property
    def token_metrics(self) -> int:
        """The port of the metrics of token_service, which runs only if a provider wants tokens. It follows all others."""
        return self.base + _FIRST_PORTS + len(SPREAD_SERVICES) * (self.workers - 1)

    @property
    def inbox(self) -> int:
        """The port of the inbox that shows alerts."""
        return self.base + 11

    def metrics(self, service: str, worker: int = 0) -> int:
        """Returns the port of the metrics of a service (`authz`, `ratelimit`, `usage`, `admin` or `notification`)."""
        if worker == 0:
            return self.base + 6 + SERVICES.index(service)
        further = len(SPREAD_SERVICES) * (worker - 1) + SPREAD_SERVICES.index(service)
        return self.base + _FIRST_PORTS + further

    def workers_of(self, service: str) -> range:
        """Returns the numbers of the service's workers, from 0."""
        return range(self.workers if service in SPREAD_SERVICES else 1)


@dataclass(frozen=True)
class Home:
    """The directory of one stack, as an absolute path, and the paths of the files in it."""

    directory: Path

    @property
    def postgres(self) -> Path:
        """The directory of PostgreSQL. Another user owns it if the runner is root."""
        return self.directory / "postgres"

    @property
    def redis(self) -> Path:
        """The directory of Redis's configuration."""
        return self.directory / "redis"

    @property
    def envoy(self) -> Path:
        """The directory of Envoy's bootstrap and secrets."""
        return self.directory / "envoy"

    @property
    def envoy_files(self) -> EnvoyFolder:
        """The files in that directory."""
        return EnvoyFolder(self.envoy)

    @property
    def bootstrap_stamp_file(self) -> Path:
        """The fingerprint of what Envoy's configuration was made from."""
        return self.envoy / "made-from.json"

    @property
    def catalog_summary_file(self) -> Path:
        """The cached summary of the catalog."""
        return self.directory / "catalog-summary.json"

    @property
    def journal_file(self) -> Path:
        """The journal: Envoy writes one line for each call, and usage_service replays it."""
        return self.directory / "journal" / "usage.log"

    @property
    def logs(self) -> Path:
        """The directory with one log for each process."""
        return self.directory / "logs"

    @property
    def secrets_file(self) -> Path:
        """The passwords and keys generated for this home, mode 0600."""
        return self.directory / "secrets.json"

    @property
    def demo_secrets_file(self) -> Path:
        """The keys and token that the seeder keeps for the demo organization, mode 0600."""
        return self.directory / "demo-secrets.json"

    @property
    def demo_file(self) -> Path:
        """The demo organization with its keys and tokens as JSON, mode 0600."""
        return self.directory / "demo.json"

    @property
    def environment_file(self) -> Path:
        """`KEY=VALUE` lines for clients, mode 0600. Exists only while the stack is up."""
        return self.directory / "env"

    @property
    def state_file(self) -> Path:
        """The recorded state of the stack, for `./dev status` and for cleaning up."""
        return self.directory / "state.json"

    @property
    def lock_file(self) -> Path:
        """The file that the supervisor locks as long as it runs."""
        return self.directory / "lock"

    @property
    def sockets(self) -> Path:
        """The directory of Unix sockets: in the home, or in the system's temporary folder if the path is too long."""
        return sockets_directory(self.directory, Path(tempfile.gettempdir()), os.geteuid())

    @property
    def control_socket(self) -> Path:
        """The socket on which the supervisor takes commands."""
        return self.sockets / "supervisor.sock"

    @property
    def envoy_admin_socket(self) -> Path:
        """The socket of Envoy's own admin page, mode 0600."""
        return self.sockets / "envoy-admin.sock"

    def socket(self, service: str, worker: int = 0) -> Path:
        """Returns the gRPC socket of a service (`authz`, `usage`, `token` and so on), or of `discovery`."""
        return self.sockets / f"{service}{_number(worker)}.sock"

    def envoy_socket(self, service: str, worker: int = 0) -> Path:
        """Returns the socket on which Envoy calls `authz` or `ratelimit`."""
        return self.sockets / f"{service}-envoy{_number(worker)}.sock"

    def log_file(self, name: str) -> Path:
        """Returns the log of the process with this name."""
        return self.logs / f"{name}.log"


def process_name(service: str, worker: int = 0) -> str:
    """Returns the name of a service's process in tables and logs, such as `authz_service-1`."""
    return f"{service}_service{_number(worker)}"


def _number(worker: int) -> str:
    """Returns the suffix that Envoy's configuration uses: none for worker 0, `-1` for worker 1."""
    return f"-{worker}" if worker else ""


def sockets_directory(home: Path, temporary: Path, user_id: int) -> Path:
    """Returns the directory for sockets: the same for a home every time, and short enough for socket paths."""
    inside = home / "sockets"
    if len(os.fsencode(inside)) <= SOCKETS_DIRECTORY_MAX_BYTES:
        return inside
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return temporary / f"megarouter-{user_id}-{digest}"


def make_home(home: Home) -> None:
    """Creates the directories of a home with mode 0700.

    Raises:
        LayoutError: a directory cannot be created, or the one for sockets belongs to another user.
    """
    try:
        home.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for directory in (
            home.envoy,
            home.envoy_files.credentials,
            home.envoy_files.token_credentials,
            home.journal_file.parent,
            home.logs,
        ):
            directory.mkdir(mode=0o700, exist_ok=True)
        _make_private(home.sockets)
        let_through(home.directory, home.sockets)
        give_away(home.journal_file.parent)
    except OSError as error:
        raise LayoutError(f"--home {home.directory}: {error.filename}: {error.strerror}") from error


def _closed_to_others() -> int:
    """Returns the bits that the mode of a private directory lacks. Root shares the one of sockets with a group."""
    return 0o007 if os.geteuid() == 0 else 0o077


def _make_private(directory: Path) -> None:
    """Creates the directory. In a folder open to all, another user may have created it first, so checks that it is private."""
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & _closed_to_others():
        raise LayoutError(f"{directory} must be a directory that only you can enter: remove it and try again")
