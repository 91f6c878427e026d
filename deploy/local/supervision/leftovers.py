"""Ends processes that a killed supervisor left behind."""

import signal
import time
from collections.abc import Iterable
from pathlib import Path

from deploy.local.process.recorded_process import RecordedProcess, is_alive, send_signal
from deploy.local.stack.state import StackState

PATIENCE_S = 5.0
KILL_WAIT_S = 5.0
POLL_INTERVAL_S = 0.02


def wait_for_end(processes: Iterable[RecordedProcess], timeout_s: float) -> list[RecordedProcess]:
    """Waits at most `timeout_s` until the processes have ended. Returns those that have not."""
    deadline = time.monotonic() + timeout_s
    left = [process for process in processes if is_alive(process)]
    while left and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_S)
        left = [process for process in left if is_alive(process)]
    return left


def end_leftovers(state: StackState) -> list[str]:
    """Ends all recorded processes that still run: with SIGTERM, then with SIGKILL. Returns their names.

    The kernel sent them the stop signal when their supervisor died, so those that still run are slow or hang.
    """
    running = {
        identity: process.name
        for process in state.processes
        for identity in (process.identity, *process.leaving)
        if identity is not None and is_alive(identity)
    }
    for identity in running:
        send_signal(identity, signal.SIGTERM)
    for identity in wait_for_end(running, PATIENCE_S):
        send_signal(identity, signal.SIGKILL)
    wait_for_end(running, KILL_WAIT_S)
    return list(running.values())


def remove_files(paths: Iterable[Path]) -> None:
    """Removes files that are valid only while the stack is up. Ignores missing ones."""
    for path in paths:
        path.unlink(missing_ok=True)
