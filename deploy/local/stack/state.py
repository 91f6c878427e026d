"""What the supervisor says about itself in the state file: read by status, by the waiting parent, and for cleaning up."""

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from deploy.local.process.private_files import write_private
from deploy.local.process.recorded_process import RecordedProcess

# What the supervisor process ends with.
EXIT_FAILED = 1
EXIT_ALREADY_RUNNING = 3


class Phase(StrEnum):
    """Where the stack is in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    FAILED = "failed"


class Health(StrEnum):
    """How a process is."""

    STARTING = "starting"
    READY = "ready"
    NOT_READY = "not ready"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    EXTERNAL = "external"


@dataclass(frozen=True)
class ProcessState:
    """One line of the table."""

    name: str
    address: str
    health: Health
    identity: RecordedProcess | None = None
    started_at: float | None = None  # seconds since the epoch
    restarts: int = 0
    last_exit: str | None = None


@dataclass(frozen=True)
class StackState:
    """The whole stack."""

    phase: Phase
    supervisor: RecordedProcess
    port_base: int
    workers: int = 1
    processes: tuple[ProcessState, ...] = ()
    real_providers: tuple[str, ...] = ()
    mock_providers: tuple[str, ...] = ()
    example_model: str | None = None
    failure: str | None = None

    def process(self, name: str) -> ProcessState:
        """The process of this name.

        Raises:
            KeyError: there is none.
        """
        for process in self.processes:
            if process.name == name:
                return process
        raise KeyError(name)


def write_state(path: Path, state: StackState) -> None:
    """Replaces the state file."""
    write_private(path, json.dumps(dataclasses.asdict(state), indent=2) + "\n")


def read_state(path: Path) -> StackState | None:
    """The recorded state; None when there is none, or it cannot be read."""
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
    return ProcessState(**{**content, "health": Health(content["health"]), "identity": identity})
