"""As whom a program runs that refuses to run as root.

The account gets no capability and no directory is opened for it: a program finds its files below closed directories
another way (see `deploy.local.programs.postgres` and `deploy.local.process.reachable_programs`).
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

UNPRIVILEGED_USER = "nobody"


class PrivilegeError(Exception):
    """A program cannot be run as the unprivileged user; the message says why and what to do."""


@dataclass(frozen=True)
class Account:
    """A system user."""

    user_id: int
    group_id: int


def can_traverse(mode: int, owner: int, group: int, account: Account) -> bool:
    """Whether the account may pass through a directory of this mode and ownership."""
    if owner == account.user_id:
        return bool(mode & 0o100)
    if group == account.group_id:
        return bool(mode & 0o010)
    return bool(mode & 0o001)


def first_closed_directory(path: Path, account: Account) -> Path | None:
    """The outermost ancestor of `path` the account may not pass through."""
    for directory in reversed(path.resolve().parents):
        status = directory.stat()
        if not can_traverse(status.st_mode, status.st_uid, status.st_gid, account):
            return directory
    return None


def unprivileged_account() -> Account | None:
    """The account for a program that refuses root; None when this process is not root and needs no other account.

    Raises:
        PrivilegeError: the system has no such user.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        raise PrivilegeError(
            f"PostgreSQL does not run as root, and this system has no user {UNPRIVILEGED_USER}: "
            "add one, or run as an ordinary user"
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)
