"""Telling a recorded process from another one that got the same pid later."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

_START_FIELD = 19  # starttime: field 22 of /proc/PID/stat, counted from the state, which is field 3
_STATE_FIELD = 0


@dataclass(frozen=True)
class RecordedProcess:
    """A process of this boot of the machine."""

    pid: int
    start_ticks: int
    boot: str


def boot_id() -> str:
    """Names the running boot; start times count from it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def identify(pid: int) -> RecordedProcess | None:
    """The process that has this pid now; None when there is none, or only its remains."""
    try:
        content = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = content.rpartition(")")[2].split()
    if fields[_STATE_FIELD] in {"Z", "X"}:
        return None
    return RecordedProcess(pid, int(fields[_START_FIELD]), boot_id())


def is_alive(identity: RecordedProcess) -> bool:
    """Whether exactly this process still runs."""
    return identify(identity.pid) == identity


def send_signal(identity: RecordedProcess, signal_number: int) -> bool:
    """Signals exactly this process; False when it is gone."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    try:
        # The descriptor pins the process, so what is verified now cannot become another one.
        if not is_alive(identity):
            return False
        signal.pidfd_send_signal(descriptor, signal_number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True
