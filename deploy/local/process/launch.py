"""Starts one program so that it cannot outlive the process that started it, as another user if asked.

`deploy.local.process.children` runs it as a script. What must happen between fork and exec (credentials, parent-death signal)
happens here, in a fresh single-threaded interpreter, where it is safe.

The order matters: the kernel forgets the parent-death signal when the credentials change.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1

_LIBC = ctypes.CDLL(None, use_errno=True)


def end_with(parent: int, death_signal: int) -> None:
    """Has the kernel send the signal when the parent is gone."""
    zero = ctypes.c_ulong(0)
    if _LIBC.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(death_signal), zero, zero, zero) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl: {os.strerror(number)}")
    if os.getppid() != parent:
        sys.exit("the starting process is gone")


def _become(user_id: int, group_id: int) -> None:
    """Gives up root for good."""
    try:
        os.setgroups([])
        os.setresgid(group_id, group_id, group_id)
        os.setresuid(user_id, user_id, user_id)
    except PermissionError as error:
        sys.exit(f"this root may not become user {user_id} ({error.strerror}): run as an ordinary user")


def main() -> None:
    """Arguments: parent pid, death signal, user id, group id (each `-` for none), then the command."""
    parent, death_signal, user, group, *command = sys.argv[1:]
    if user != "-":
        _become(int(user), int(group))
    end_with(int(parent), int(death_signal))
    os.execvp(command[0], command)  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
