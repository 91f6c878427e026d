"""Finds, checks and starts the Envoy binary."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

BINARY_SETTING = "MEGAROUTER_ENVOY_BINARY"
REPOSITORY = Path(__file__).resolve().parents[2]
INSTALLED_BINARY = ".tools/envoy/lib/python3*/site-packages/envoy/_bin/envoy"
VALIDATION_TIMEOUT_S = 30
# The part of the journal that a killed Envoy can lose.
JOURNAL_FLUSH_INTERVAL_MS = 100
IDLE_CLOSED_WITHIN_S = 15
"""An Envoy that drains closes its idle connections within this time, in the last third of it. Until then a call may begin on one.

Connections in use are closed by the answer to their next call, so only those that are seldom used wait for it. Many clients, as
OpenAI's, close theirs after five idle seconds. A client that keeps them longer may begin a call just as Envoy closes one.
"""


def drain_limit_s(grace_s: int) -> int:
    """Returns when a draining Envoy ends, so that a call on its last connection still has the grace."""
    return IDLE_CLOSED_WITHIN_S + grace_s


class BinaryNotFoundError(RuntimeError):
    """There is no Envoy binary at the expected path."""


class InvalidBootstrapError(RuntimeError):
    """Envoy refuses a bootstrap. The text is Envoy's own."""


def find_binary() -> Path:
    """Returns the Envoy binary: the one that MEGAROUTER_ENVOY_BINARY names, or the one installed in the repository.

    Raises:
        BinaryNotFoundError: there is none.
    """
    setting = os.environ.get(BINARY_SETTING)
    candidates = [Path(setting)] if setting else sorted(REPOSITORY.glob(INSTALLED_BINARY))
    for candidate in candidates:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    expected = setting or str(REPOSITORY / INSTALLED_BINARY)
    raise BinaryNotFoundError(f"no Envoy binary at {expected}: install it, or set {BINARY_SETTING} to its path")


@dataclass(frozen=True, slots=True)
class Succession:
    """How an Envoy takes over from a running one: it receives its listening sockets, and the old one finishes its calls."""

    base_id: int  # the same for all Envoys of a gateway, and different from those of other gateways on the machine
    epoch: int  # 0 for the first, then one more each time
    grace_s: int  # how long the calls of the old one may take

    def arguments(self) -> list[str]:
        """Returns the arguments of Envoy's command line."""
        return [
            *("--base-id", str(self.base_id)),
            *("--restart-epoch", str(self.epoch)),
            *("--parent-shutdown-time-s", str(drain_limit_s(self.grace_s))),
        ]


def command(binary: Path, bootstrap: Path, workers: int, succession: Succession | None = None) -> list[str]:
    """Returns the command line that runs Envoy in the foreground, with its own log on stderr.

    Args:
        binary: of Envoy.
        bootstrap: its configuration.
        workers: its threads.
        succession: how it is restarted without a pause; None if it never is.
    """
    return [
        str(binary),
        "--config-path",
        str(bootstrap),
        "--concurrency",
        str(workers),
        *(["--disable-hot-restart"] if succession is None else succession.arguments()),
        "--drain-strategy",
        "immediate",
        "--drain-time-s",
        str(IDLE_CLOSED_WITHIN_S),
        "--file-flush-interval-msec",
        str(JOURNAL_FLUSH_INTERVAL_MS),
        "--log-level",
        "warning",
    ]


def validate(bootstrap: Path, binary: Path | None = None) -> None:
    """Has Envoy check a rendered bootstrap.

    Raises:
        InvalidBootstrapError: Envoy refuses it.
        BinaryNotFoundError: there is no Envoy binary.
    """
    arguments = [*command(binary or find_binary(), bootstrap, workers=1), "--mode", "validate"]
    result = subprocess.run(arguments, capture_output=True, text=True, timeout=VALIDATION_TIMEOUT_S, check=False)
    if result.returncode != 0:
        raise InvalidBootstrapError(result.stderr.strip() or result.stdout.strip())
