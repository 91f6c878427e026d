"""Starts one program so that it cannot outlive the process that started it, as another user if asked.

Run as a script by `deploy.local.process.children`, never imported by it: what must happen between fork and exec (credentials,
parent-death signal) happens here, in a fresh single-threaded interpreter, where it is safe.

The order matters: the kernel forgets the parent-death signal when the credentials change.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilitySets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


_LIBC = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _prctl(option: int, first: int, second: int = 0) -> None:
    zero = ctypes.c_ulong(0)
    _checked(_LIBC.prctl(option, ctypes.c_ulong(first), ctypes.c_ulong(second), zero, zero), "prctl")


def _become(user_id: int, group_id: int, capability: int | None) -> None:
    """Gives up root; one capability may be kept, and is then inherited by the program and its children."""
    if capability is not None:
        _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(group_id, group_id, group_id)
    os.setresuid(user_id, user_id, user_id)
    if capability is not None:
        mask = 1 << capability
        sets = (_CapabilitySets * 2)(_CapabilitySets(mask, mask, mask), _CapabilitySets(0, 0, 0))
        header = _CapabilityHeader(LINUX_CAPABILITY_VERSION_3, 0)
        _checked(_LIBC.capset(ctypes.byref(header), sets), "capset")
        _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def main() -> None:
    """Arguments: parent pid, death signal, user id, group id, capability (each `-` for none), then the command."""
    parent, death_signal, user, group, capability, *command = sys.argv[1:]
    if user != "-":
        _become(int(user), int(group), None if capability == "-" else int(capability))
    _prctl(PR_SET_PDEATHSIG, int(death_signal))
    if os.getppid() != int(parent):
        sys.exit("the starting process is gone")
    os.execvp(command[0], command)  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
