"""Lets a new process take over the Unix sockets of a running one, so that somebody accepts connections at every moment.

The new process listens at names of its own. Once it is ready, it moves its sockets to the public names. From then on, new
connections reach it, and the old process only finishes what it has accepted. Callers notice no gap, because
renaming a file is atomic.
"""

import asyncio
import os
import socket
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_LOOK_INTERVAL_S: Final = 0.02
_CONNECT_TIMEOUT_S: Final = 1.0


class ArrivingSockets:
    """The sockets of a process that is starting, by their public paths."""

    def __init__(self, public: Sequence[Path]) -> None:
        """Prepares names for these paths, which callers know."""
        self._public = tuple(public)

    def path_of(self, public: Path) -> Path:
        """Returns the path at which this process listens before it takes over. Removes what an earlier process left there.

        A Unix socket's path may have only 107 bytes, so the name is short.
        """
        path = self._own(public)
        path.unlink(missing_ok=True)
        return path

    def _own(self, public: Path) -> Path:
        """Each service in a container of its own is process 1 there, and they share the directory. So its name counts too."""
        return public.with_name(f"{os.getpid()}-{zlib.crc32(public.name.encode()):08x}")

    async def take_over(self, is_ready: Callable[[], bool]) -> None:
        """Moves the sockets to their public paths, replacing those of an earlier process.

        While an earlier process serves, this waits until the new one is ready. Otherwise nothing is gained by waiting: callers
        prefer the reason why a service is not ready to no service.
        """
        while not is_ready() and await asyncio.to_thread(self._is_served):  # noqa: ASYNC110 - readiness is no event
            await asyncio.sleep(_LOOK_INTERVAL_S)
        for public in self._public:
            self._own(public).replace(public)

    def _is_served(self) -> bool:
        return any(accepts_connections(public) for public in self._public)


def accepts_connections(path: Path) -> bool:
    """Returns whether a process listens at the Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_CONNECT_TIMEOUT_S)
        try:
            connection.connect(str(path))
        except OSError:
            return False
        return True
