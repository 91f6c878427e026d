"""What the supervisor needs to know of one process. How each is made stands in `stack_programs`."""

import signal
from collections.abc import Callable
from dataclasses import dataclass

from deploy.local.process.children import ChildCommand

# Stopped in this order: traffic ends first, what holds state ends last.
EDGE, SERVICE, STORAGE = 0, 1, 2


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Program:
    """A supervised process. The callables block; the supervisor runs all but `child` in threads."""

    name: str
    address: str
    child: Callable[[], ChildCommand]
    is_ready: Callable[[int], bool]  # given its pid
    stop_rank: int
    prepare: Callable[[], None] = _nothing  # once, before the first start
    drain: Callable[[], None] = _nothing  # before it is told to stop
    stop_signal: signal.Signals = signal.SIGTERM
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 10.0
    ports: tuple[int, ...] = ()  # what it binds, so must be free before the start
    warm_module: str | None = None  # loaded for several programs at once before their first start
