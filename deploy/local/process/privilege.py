"""Chooses the account that root gives to a program.

The account gets no capability, unless it could not reach the installation otherwise: see `service_account`. PostgreSQL never does.
`deploy.local.programs.postgres` and `deploy.local.process.reachable_programs` describe how a program still reaches files
below directories closed to it.
"""

import os
import pwd
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

UNPRIVILEGED_USER = "nobody"
CAP_DAC_READ_SEARCH = 2


class PrivilegeError(Exception):
    """A program cannot run as the unprivileged user. The message says why and what to do."""


@dataclass(frozen=True)
class Account:
    """A system user and its primary group, by id."""

    user_id: int
    group_id: int
    reads_all: bool = False
    """Whether it may read every file and enter every directory, and still write only its own (CAP_DAC_READ_SEARCH)."""


def can_traverse(mode: int, owner: int, group: int, account: Account) -> bool:
    """Returns whether the account may traverse a directory with this mode, owner id and group id."""
    if owner == account.user_id:
        return bool(mode & 0o100)
    if group == account.group_id:
        return bool(mode & 0o010)
    return bool(mode & 0o001)


def first_closed_directory(path: Path, account: Account) -> Path | None:
    """Returns the outermost ancestor of `path` that the account may not traverse, or None."""
    for directory in reversed(path.resolve().parents):
        status = directory.stat()
        if not can_traverse(status.st_mode, status.st_uid, status.st_gid, account):
            return directory
    return None


def can_read(path: Path, account: Account) -> bool:
    """Returns whether the account reaches an existing file or directory and may read it, by owner, group and mode."""
    if first_closed_directory(path, account) is not None:
        return False
    status = path.stat()
    wanted = 0o5 if path.is_dir() else 0o4
    shift = 6 if status.st_uid == account.user_id else 3 if status.st_gid == account.group_id else 0
    return status.st_mode >> shift & wanted == wanted


def service_account(paths: Iterable[Path]) -> Account | None:
    """Returns the account for a program that needs to read these paths; None to run as the present user.

    An interpreter or a checkout below /root is closed to every other user. Then the account keeps one capability, which lets it
    read. Where root itself lacks that capability, as in some containers, the program stays root.

    Raises:
        PrivilegeError: see `unprivileged_account`.
    """
    account = unprivileged_account()
    if account is None or all(can_read(path, account) for path in paths if path.exists()):
        return account
    return replace(account, reads_all=True) if _has_capability(CAP_DAC_READ_SEARCH) else None


def _has_capability(number: int) -> bool:
    found = re.search(r"^CapPrm:\s*([0-9a-f]+)$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> number & 1)


def unprivileged_account() -> Account | None:
    """Returns the account for programs that root starts, or None if this process is not root.

    Raises:
        PrivilegeError: the system has no unprivileged user.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise PrivilegeError(
            f"programs do not run as root, and this system has no user {UNPRIVILEGED_USER}: "
            "add that user, or run as an ordinary user"
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)
