"""Keeps the memory and the environment of a service private: both contain secrets."""

import ctypes
import logging
import os
import resource
from typing import Final

logger = logging.getLogger(__name__)

_PR_SET_DUMPABLE: Final = 4


def keep_memory_private() -> None:
    """Prevents core dumps, and prevents other processes of the same user from reading the memory or `/proc/PID/environ`.

    A system that refuses the second is logged, and the service runs anyway.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    zero = ctypes.c_ulong(0)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, zero, zero, zero, zero) != 0:
        logger.warning("memory is not private", extra={"error": os.strerror(ctypes.get_errno())})
