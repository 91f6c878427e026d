"""Distinguishes a recorded process from a later one with the same pid."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

_START_FIELD = 19  # starttime: field 22 of /proc/PID/stat, counted from the state, which is field 3
_STATE_FIELD = 0


@dataclass(frozen=True)
class RecordedProcess:
    """Identifies a process: its pid, its start time in clock ticks since boot, and the id of that boot."""

    pid: int
    start_ticks: int
    boot: str


def boot_id() -> str:
    """Returns the id of the current boot. Start times count from the boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def identify(pid: int) -> RecordedProcess | None:
    """Returns the process that has this pid now, or None if there is none or it is a zombie."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = content.rpartition(")")[2].split()
    if fields[_STATE_FIELD] in {"Z", "X"}:
        return None
    return RecordedProcess(pid, int(fields[_START_FIELD]), boot_id())


def is_alive(identity: RecordedProcess) -> bool:
    """Returns whether exactly this process still runs."""
    return identify(identity.pid) == identity


def send_signal(identity: RecordedProcess, signal_number: int) -> bool:
    """Sends a signal to exactly this process. Returns False if it no longer runs."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    try:
        # The descriptor refers to one process, so no other process can take its pid after this check.
        if not is_alive(identity):
            return False
        signal.pidfd_send_signal(descriptor, signal_number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True
