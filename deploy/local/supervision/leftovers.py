"""Ending what a killed supervisor may have left behind."""

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
    """Waits until the processes are gone; returns those that are not in time."""
    deadline = time.monotonic() + timeout_s
    left = [process for process in processes if is_alive(process)]
    while left and time.monotonic() < deadline:
        time.sleep(POLL_INTERVAL_S)
        left = [process for process in left if is_alive(process)]
    return left


def end_leftovers(state: StackState) -> list[str]:
    """Ends all recorded processes that still run, gently first; returns their names.

    They were told to stop when their supervisor died: those still here were slow, or hang.
    """
    running = {
        process.identity: process.name
        for process in state.processes
        if process.identity is not None and is_alive(process.identity)
    }
    for identity in running:
        send_signal(identity, signal.SIGTERM)
    for identity in wait_for_end(running, PATIENCE_S):
        send_signal(identity, signal.SIGKILL)
    wait_for_end(running, KILL_WAIT_S)
    return list(running.values())


def remove_files(paths: Iterable[Path]) -> None:
    """Removes what is only true while the stack is up."""
    for path in paths:
        path.unlink(missing_ok=True)
