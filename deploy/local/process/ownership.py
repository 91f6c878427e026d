"""Gives the files of a home to the account that runs the programs, if root runs the stack.

Root keeps the home itself and its secrets. The account can only pass through it to the folders that it owns.
"""

import os
from pathlib import Path
from typing import Final

from deploy.local.process.privilege import unprivileged_account

PASSABLE: Final = 0o711
"""Others can pass through, but not list."""
SHARED_SOCKETS: Final = 0o1770
"""The group adds sockets, and cannot remove those of others."""


def give_away(folder: Path) -> None:
    """Gives a folder with everything in it to the account. Does nothing unless this process is root."""
    account = unprivileged_account()
    if account is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.user_id, account.group_id, follow_symlinks=False)


def let_through(home: Path, sockets: Path) -> None:
    """Lets the account pass through the home and add sockets. Does nothing unless this process is root."""
    account = unprivileged_account()
    if account is None:
        return
    home.chmod(PASSABLE)
    os.chown(sockets, 0, account.group_id)
    sockets.chmod(SHARED_SOCKETS)
    for left in sockets.glob("*.sock"):  # an earlier stack may have run its services as root
        os.chown(left, account.user_id, account.group_id, follow_symlinks=False)
