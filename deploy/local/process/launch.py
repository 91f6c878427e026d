"""Starts one program, optionally as another user, so that it cannot outlive the process that started it.

`deploy.local.process.children` runs this file as a script. The user and the parent-death signal must be set between fork and
exec. A new single-threaded interpreter can do that safely.

The order matters: the kernel clears the parent-death signal when the user changes.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1

_LIBC = ctypes.CDLL(None, use_errno=True)


def end_with(parent: int, death_signal: int) -> None:
    """Makes the kernel send `death_signal` to this process when `parent`, a pid, ends. Exits if it has already ended.

    Raises:
        OSError: the kernel refused.
    """
    zero = ctypes.c_ulong(0)
    if _LIBC.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(death_signal), zero, zero, zero) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl: {os.strerror(number)}")
    if os.getppid() != parent:
        sys.exit("the process that started this one has ended")


def _become(user_id: int, group_id: int) -> None:
    """Gives up root permanently. Exits if this process may not."""
    try:
        os.setgroups([])
        os.setresgid(group_id, group_id, group_id)
        os.setresuid(user_id, user_id, user_id)
    except PermissionError as error:
        sys.exit(f"root may not switch to user {user_id} here ({error.strerror}): run as an ordinary user")


def main() -> None:
    """Becomes the command. Arguments: parent pid, death signal, user id, group id (`-` for no change), command."""
    parent, death_signal, user, group, *command = sys.argv[1:]
    if user != "-":
        _become(int(user), int(group))
    end_with(int(parent), int(death_signal))
    os.execvp(command[0], command)  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
