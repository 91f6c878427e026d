"""A file that collects invites while they are made, so that none is lost if the import ends early."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

Keep = Callable[[Iterable[tuple[str, str]]], None]
"""Adds invites, each as address and link, and returns once the file has them."""

_HEADER: Final = ("address", "invite")


@contextmanager
def invite_file(file: Path) -> Iterator[Keep]:
    """Opens a CSV file for invites. It adds to a file that exists, so the next run of an import continues it.

    A new file is readable by its owner only, because an invite is a secret.

    Raises:
        ValueError: the file cannot be written, or others may read it.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise ValueError(f"cannot write {file}: {error.strerror}") from error
    with open(descriptor, "a", encoding="utf-8", newline="") as stream:  # noqa: PTH123 - a descriptor
        status = os.fstat(stream.fileno())
        if os.name == "posix" and status.st_mode & 0o077:
            raise ValueError(f"others may read {file}: run `chmod 600 {file}`, or choose a new file")
        writer = csv.writer(stream)
        if status.st_size == 0:
            writer.writerow(_HEADER)

        def keep(invites: Iterable[tuple[str, str]]) -> None:
            writer.writerows(invites)
            stream.flush()
            os.fsync(stream.fileno())

        yield keep
