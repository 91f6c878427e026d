"""The state file that the supervisor writes. `./dev status`, a waiting `./dev up` and the cleanup read it."""

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from deploy.local.process.private_files import write_private
from deploy.local.process.recorded_process import RecordedProcess

# Exit statuses of the supervisor.
EXIT_FAILED = 1
EXIT_ALREADY_RUNNING = 3


class Phase(StrEnum):
    """The phase of a stack's life."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    FAILED = "failed"


class Health(StrEnum):
    """The health of a process. EXTERNAL: the stack uses it but does not run it."""

    STARTING = "starting"
    READY = "ready"
    NOT_READY = "not ready"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    EXTERNAL = "external"


@dataclass(frozen=True)
class ProcessState:
    """The state of one process: a line of the status table."""

    name: str
    address: str
    health: Health
    identity: RecordedProcess | None = None
    started_at: float | None = None  # seconds since the epoch
    restarts: int = 0
    last_exit: str | None = None
    leaving: tuple[RecordedProcess, ...] = ()  # replaced processes that finish their calls


@dataclass(frozen=True)
class StackState:
    """The state of the whole stack."""

    phase: Phase
    supervisor: RecordedProcess
    port_base: int
    workers: int = 1
    processes: tuple[ProcessState, ...] = ()
    real_providers: tuple[str, ...] = ()
    mock_providers: tuple[str, ...] = ()
    example_model: str | None = None
    failure: str | None = None
    drain_grace_s: int = 0
    """How long a stop may wait for running calls."""

    def process(self, name: str) -> ProcessState:
        """Returns the process with this name.

        Raises:
            KeyError: there is no such process.
        """
        for process in self.processes:
            if process.name == name:
                return process
        raise KeyError(name)


def write_state(path: Path, state: StackState) -> None:
    """Replaces the state file atomically."""
    write_private(path, json.dumps(dataclasses.asdict(state), indent=2) + "\n")


def read_state(path: Path) -> StackState | None:
    """Returns the recorded state, or None if the file is missing or cannot be read."""
    try:
        return _stack_state(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stack_state(content: dict[str, Any]) -> StackState:
    return StackState(
        **{
            **content,
            "phase": Phase(content["phase"]),
            "supervisor": RecordedProcess(**content["supervisor"]),
            "processes": tuple(map(_process_state, content["processes"])),
            "real_providers": tuple(content["real_providers"]),
            "mock_providers": tuple(content["mock_providers"]),
        }
    )


def _process_state(content: dict[str, Any]) -> ProcessState:
    identity = content["identity"] and RecordedProcess(**content["identity"])
    leaving = tuple(RecordedProcess(**one) for one in content["leaving"])
    return ProcessState(**{**content, "health": Health(content["health"]), "identity": identity, "leaving": leaving})
