"""A directory in memory for a server whose data nobody keeps: copying a template database there takes a third of the time."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.process.identity import identify

_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
_PREFIX = "megarouter-tests-"
_ROOM_BYTES = 4 * 2**30
"""Far more than a server of the suite has been seen to take; containers often have 64 MiB here."""


@contextmanager
def memory_directory(otherwise: Path, memory: Path = _MEMORY) -> Iterator[Path]:
    """A directory that is gone afterwards; `otherwise` on a machine with too little room in memory.

    What a killed run has left is removed by the next: the name says which process it belonged to.
    """
    if not memory.is_dir() or shutil.disk_usage(memory).free < _ROOM_BYTES:
        yield otherwise
        return
    _remove_orphans(memory)
    directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=memory))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _remove_orphans(memory: Path) -> None:
    for left in memory.glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and identify(int(owner)) is None:
            shutil.rmtree(left, ignore_errors=True)
