"""Lets only one bootstrap at a time run in a checkout."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.toolchain.progress import say


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds a lock file, waiting if another process holds it. The kernel releases the lock when this process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another ./dev to finish installing")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
