"""A directory in memory for a server whose data is temporary. Copying a template database takes a third of the time there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.process.recorded_process import identify

_MEMORY = Path("/dev/shm")  # noqa: S108 - only its own subdirectory is used
_PREFIX = "megarouter-tests-"
_ROOM_BYTES = 4 * 2**30
"""Far more than a server of the suite has ever used. Containers often have 64 MiB here."""


@contextmanager
def memory_directory(otherwise: Path, memory: Path = _MEMORY) -> Iterator[Path]:
    """Yields a temporary directory in memory, or `otherwise` on a machine with too little memory.

    Each run removes the directories of killed runs. A directory's name contains the id of its process.
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
