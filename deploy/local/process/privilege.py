"""As whom a program runs that refuses to run as root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
UNPRIVILEGED_USER = "nobody"


class PrivilegeError(Exception):
    """A directory cannot be made reachable; the message says which and what to do."""


@dataclass(frozen=True)
class Account:
    """A system user, with the one capability it needs to reach its files through directories closed to it."""

    user_id: int
    group_id: int
    capability: int | None = None


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


def choose_capability(permitted_mask: int) -> int | None:
    """The smallest permitted capability that opens closed directories; containers usually have only the second."""
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if permitted_mask >> capability & 1:
            return capability
    return None


def unprivileged_account(*paths: Path) -> Account | None:
    """The account for a program that refuses root; None when this process is not root and needs no other account.

    The permissions of directories that are not ours, such as /root, are never changed: when one of `paths` lies below
    a closed directory, the program gets the capability to read and search directories instead.

    Raises:
        PrivilegeError: a path is closed and this root may not pass on such a capability.
    """
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED_USER)
    account = Account(entry.pw_uid, entry.pw_gid)
    closed = next(filter(None, (first_closed_directory(path, account) for path in paths)), None)
    if closed is None:
        return account
    capability = choose_capability(_permitted_capabilities())
    if capability is None:
        raise PrivilegeError(
            f"PostgreSQL does not run as root, and user {UNPRIVILEGED_USER} may not enter {closed}: "
            "run as an ordinary user, or choose another directory with --home"
        )
    return Account(account.user_id, account.group_id, capability)


def _permitted_capabilities() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0
