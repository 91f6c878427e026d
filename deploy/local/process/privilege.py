"""Chooses the account for a program that refuses to run as root.

The account gets no capability, and no directory is opened for it. `deploy.local.programs.postgres` and
`deploy.local.process.reachable_programs` describe how a program still reaches files below directories closed to it.
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED_USER = "nobody"


class PrivilegeError(Exception):
    """A program cannot run as the unprivileged user. The message says why and what to do."""


@dataclass(frozen=True)
class Account:
    """A system user and its primary group, by id."""

    user_id: int
    group_id: int


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


def unprivileged_account() -> Account | None:
    """Returns the account for a program that refuses to run as root, or None if this process is not root.

    Raises:
        PrivilegeError: the system has no unprivileged user.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise PrivilegeError(
            f"PostgreSQL does not run as root, and this system has no user {UNPRIVILEGED_USER}: "
            "add that user, or run as an ordinary user"
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)
