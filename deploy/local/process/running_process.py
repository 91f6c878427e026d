"""One started process of a program: how it began, how it ends, and the signals in between."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Protocol

from deploy.local.process.recorded_process import RecordedProcess, identify

logger = logging.getLogger(__name__)

KILL_TIMEOUT_S = 5.0


class Process(Protocol):
    """The part of `subprocess.Popen` that is needed here. Forks of the warm process have it too."""

    pid: int

    def wait(self) -> int:
        """Returns the return code of an ended process."""


class RunningProcess:
    """A process from its start to its end."""

    def __init__(self, name: str, process: Process, on_exit: Callable[["RunningProcess"], None]) -> None:
        """Begins to watch a process that was just started.

        Args:
            name: of its program.
            process: the process.
            on_exit: called once, when it has ended.
        """
        self.name = name
        self.pid = process.pid
        self.identity: RecordedProcess | None = identify(process.pid)
        self.started_at = time.time()
        self.started_monotonic_s = time.monotonic()
        self.ended = asyncio.Event()
        self.last_exit = ""
        self._process = process
        self._on_exit = on_exit
        descriptor = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(descriptor, self._exited, descriptor)
        logger.info("started %s, pid %d", name, process.pid)

    def _exited(self, descriptor: int) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
        self.last_exit = describe_exit(self._process.wait())
        self.ended.set()
        logger.info("%s, pid %d, ended: %s", self.name, self.pid, self.last_exit)
        self._on_exit(self)

    async def end(self, stop_signal: signal.Signals | None, timeout_s: float) -> None:
        """Sends the signal, if any, and waits. Kills the process and its children if it has not ended in time."""
        if stop_signal is not None:
            self._send(stop_signal)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.ended.wait()
                return
        logger.warning("killing %s, pid %d, because it did not stop in time", self.name, self.pid)
        await self.kill()

    async def kill(self) -> None:
        """Kills the process and its children, and waits for a bounded time until it is gone."""
        self._send(signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_TIMEOUT_S):
                await self.ended.wait()

    def _send(self, number: signal.Signals) -> None:
        """Sends SIGKILL to the process group, and other signals only to the process, which stops its own children."""
        if self.ended.is_set():
            return
        with contextlib.suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)


def describe_exit(return_code: int) -> str:
    """Formats a return code of `subprocess.Popen`: `status 1`, or the name of the signal, such as `SIGKILL`."""
    if return_code >= 0:
        return f"status {return_code}"
    try:
        return signal.Signals(-return_code).name
    except ValueError:
        return f"signal {-return_code}"
