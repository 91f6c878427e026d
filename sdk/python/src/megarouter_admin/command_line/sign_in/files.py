"""Private files: readable by their owner only, replaced as a whole, and locked while one process changes them."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from megarouter_admin.command_line.command_errors import CommandError

_OTHERS: Final = 0o077
_PAUSE_S: Final = 0.05


def private_folder(folder: Path) -> Path:
    """Creates a folder with mode 0700 if there is none, and returns it.

    Raises:
        CommandError: it cannot be created, belongs to somebody else, or is open to others.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as failed:
        raise CommandError(f"cannot create the folder {folder}: {failed.strerror}") from failed
    if not stat.S_ISDIR(found.st_mode):
        raise CommandError(f"{folder} is not a folder: remove it, then sign in again")
    _check_owner(folder, found, "chmod 700")
    return folder


def read_private(file: Path) -> str | None:
    """Returns the text of a file, or None if there is no such file.

    Raises:
        CommandError: it is a link or no plain file, belongs to somebody else, or others may read it.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as failed:
        if file.is_symlink():
            raise CommandError(f"{file} is a symbolic link: remove it, then sign in again") from failed
        raise CommandError(f"cannot read {file}: {failed.strerror}") from failed
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as opened:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise CommandError(f"{file} is not a plain file: remove it, then sign in again")
        _check_owner(file, found, "chmod 600")
        return opened.read()


def _check_owner(path: Path, found: os.stat_result, remedy: str) -> None:
    if found.st_uid != os.geteuid():
        raise CommandError(f"{path} belongs to another user: remove it, or set XDG_CONFIG_HOME to a folder of yours")
    if stat.S_IMODE(found.st_mode) & _OTHERS:
        raise CommandError(f"other users may read {path}: run `{remedy} {path}`, and sign in again if they did")


def write_private(file: Path, text: str) -> None:
    """Replaces a file with a new one of mode 0600. A reader sees the old text or the new one, never a part.

    Raises:
        CommandError: it cannot be written.
    """
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        new.unlink(missing_ok=True)  # of a process that had this id and was killed
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(descriptor)
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)
    except OSError as failed:
        raise CommandError(f"cannot write {file}: {failed.strerror}") from failed


@contextmanager
def locked(file: Path, timeout_s: float) -> Iterator[None]:
    """Keeps other processes out. The system frees the lock when a process ends, however it ends.

    Raises:
        CommandError: another process holds the lock for longer than `timeout_s`, or the file cannot be opened.
    """
    import fcntl  # noqa: PLC0415 - only where it exists

    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as failed:
        raise CommandError(f"cannot open {file}: {failed.strerror}. Remove it, then repeat the command") from failed
    try:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise CommandError(
                        "another megarouter process is renewing this sign-in: wait for it, then repeat the command"
                    ) from None
                time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(descriptor)
