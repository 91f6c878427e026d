"""Ports for the servers of tests. No two workers of a run, and no two servers of a worker, are given the same one.

Envoy shares a port with another Envoy without an error, and the system gives a port that was only tried out to the next
who asks. So a port is taken from the range of the worker, in turn, and not from the system.
"""

import itertools
import os
import random
import socket
from collections.abc import Callable, Iterator

FIRST, LAST = 20_000, 32_000
"""Above the fixed ports of other tests, and below those that the system gives to connections."""
WORKERS = 8
_BLOCK = 20
"""The ports of a stack begin at a multiple of this."""


def range_of(worker: str) -> range:
    """Returns the ports of a worker of pytest-xdist, such as `gw0`. A run without workers has those of the first one."""
    number = int(worker.removeprefix("gw") or 0) % WORKERS
    width = (LAST - FIRST) // WORKERS // _BLOCK * _BLOCK
    return range(FIRST + number * width, FIRST + (number + 1) * width)


def is_free(port: int) -> bool:
    """Returns whether a server can listen on a port of the loopback interface."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Ports:
    """The ports of one worker in turn, from a random one on, so that two runs on one machine seldom meet."""

    def __init__(self, own: range, is_free: Callable[[int], bool]) -> None:
        self._own = own
        self._is_free = is_free
        self._next = random.randrange(len(own))

    def take(self, count: int, multiple_of: int = 1) -> int:
        """Returns the first of consecutive ports that are free.

        Raises:
            RuntimeError: there are none.
        """
        for offset in itertools.islice(self._offsets(multiple_of), len(self._own)):
            wanted = self._own[offset : offset + count]
            if len(wanted) == count and all(map(self._is_free, wanted)):
                self._next = (offset + count) % len(self._own)
                return wanted[0]
        raise RuntimeError("no free ports")

    def _offsets(self, multiple_of: int) -> Iterator[int]:
        first = -(-self._next // multiple_of) * multiple_of
        return (offset % len(self._own) for offset in itertools.count(first, multiple_of))


_ports = Ports(range_of(os.environ.get("PYTEST_XDIST_WORKER", "")), is_free)


def free_port() -> int:
    """Returns a port on which no server of this worker has been before, unless all have been used."""
    return _ports.take(1)


def free_port_base(count: int = _BLOCK) -> int:
    """Returns the first of consecutive ports for a stack."""
    return _ports.take(count, _BLOCK)
