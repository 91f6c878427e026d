"""Starts one program, optionally as another user, so that it cannot outlive the process that started it and leaves no core dump.

`deploy.local.process.children` runs this file as a script. The user and the parent-death signal must be set between fork and
exec. A new single-threaded interpreter can do that safely.

The order matters: the kernel clears the parent-death signal when the user changes.
"""

import ctypes
import os
import resource
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION = 0x20080522

_LIBC = ctypes.CDLL(None, use_errno=True)


def end_with(parent: int, death_signal: int) -> None:
    """Makes the kernel send `death_signal` to this process when `parent`, a pid, ends. Exits if it has already ended.

    Raises:
        OSError: the kernel refused.
    """
    _prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        sys.exit("the process that started this one has ended")


def _prctl(option: int, *values: int) -> None:
    arguments = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    _check(_LIBC.prctl(option, *arguments), "prctl")


def _check(result: int, name: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def leave_no_core_dump() -> None:
    """Prevents core dumps, which would contain secrets, of this process and of those it starts."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def become(user_id: int, group_id: int, *, reads_all: bool) -> None:
    """Gives up root permanently. Exits if this process may not.

    Args:
        user_id: the new user.
        group_id: its only group.
        reads_all: keep the one capability to read every file.
    """
    try:
        if reads_all:
            _prctl(PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(group_id, group_id, group_id)
        os.setresuid(user_id, user_id, user_id)
        if reads_all:
            _keep_reading()
        _prctl(PR_SET_NO_NEW_PRIVS, 1)
    except PermissionError as error:
        sys.exit(f"root may not switch to user {user_id} here ({error.strerror}): run as an ordinary user")


def _keep_reading() -> None:
    """Drops every capability but one, and passes that one on to the program that this process becomes."""
    bit = 1 << _CAP_DAC_READ_SEARCH
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; then the upper halves
    _check(_LIBC.capset(header, data), "capset")
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH)


def main() -> None:
    """Becomes the command. Arguments: parent pid, death signal, user id, group id (`-` for no change), `all` or `-`, command."""
    parent, death_signal, user, group, reads, *command = sys.argv[1:]
    leave_no_core_dump()
    if user != "-":
        become(int(user), int(group), reads_all=reads == "all")
    end_with(int(parent), int(death_signal))
    os.execvp(command[0], command)  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
