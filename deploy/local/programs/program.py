"""What the supervisor must know about one process. `stack_programs` defines the programs of a stack."""

import signal
from collections.abc import Callable
from dataclasses import dataclass

from deploy.local.process.children import ChildCommand

# The stop order: traffic ends first, and stores end last.
EDGE, SERVICE, STORAGE = 0, 1, 2


def _nothing() -> None:
    return


def _never(_pid: int) -> bool:
    return False


@dataclass(frozen=True)
class Program:
    """A supervised process. The callables block, so the supervisor runs all but `child` in threads."""

    name: str
    address: str
    child: Callable[[], ChildCommand]
    is_ready: Callable[
        [int], bool
    ]  # receives the pid; of two processes of one program, only the one that serves is ready
    stop_rank: int
    prepare: Callable[[], None] = _nothing  # called once, before the first start
    stop_signal: signal.Signals = signal.SIGTERM
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 10.0
    drain_timeout_s: float = 0.0  # how long a ready process may finish its work before that
    ports: tuple[int, ...] = ()  # binds these, so they must be free before the start
    successor: Callable[[int], ChildCommand] | None = None
    """How to start a process that takes over from the running one; receives how many there were before. None: it cannot."""
    leaves_by_itself: bool = False  # the old process ends after a takeover without a signal
    leave_timeout_s: float = 10.0  # how long it may take for that
    is_alive: Callable[[int], bool] = (
        _never  # receives the pid; whether an unready process still answers, and is replaced, not killed
    )
    replace_unready_after_s: float | None = (
        None  # a process that was ready and is not any more is replaced after this time
    )
    warm_module: str | None = None  # loaded once for all programs, before their first start
