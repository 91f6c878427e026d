"""Runs one supervised process: starts it, notices its end, and stops it."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import time

from deploy.local.process.children import StartError, last_lines, start_child
from deploy.local.process.recorded_process import RecordedProcess, identify
from deploy.local.process.restarts import RestartHistory
from deploy.local.programs.program import Program
from deploy.local.stack.state import Health, ProcessState
from deploy.local.supervision.warm_start import ForkedProcess, WarmStart, WarmStartError

logger = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.02
KILL_TIMEOUT_S = 5.0


class Entry:
    """A program and the process that runs it, if any."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.health = Health.STOPPED
        self.history = RestartHistory()
        self.wanted = asyncio.Event()
        self.wanted.set()
        self.running = asyncio.Event()
        self.ended = asyncio.Event()  # the opposite of `running`, so that a task can wait for either
        self.ended.set()
        self._process: subprocess.Popen[bytes] | ForkedProcess | None = None
        self._identity: RecordedProcess | None = None
        self._started_at: float | None = None
        self._started_monotonic_s = 0.0
        self._last_exit: str | None = None

    @property
    def state(self) -> ProcessState:
        """The state of the process for the status table."""
        return ProcessState(
            name=self.program.name,
            address=self.program.address,
            health=self.health,
            identity=self._identity,
            started_at=self._started_at,
            restarts=self.history.restarts,
            last_exit=self._last_exit,
        )

    @property
    def ran_s(self) -> float:
        """Seconds since the last start."""
        return time.monotonic() - self._started_monotonic_s

    def start(self, warm: WarmStart | None = None) -> None:
        """Starts the process. Call this on the main thread, because the process ends when the starting thread ends.

        Args:
            warm: starts the program as a fork that has already loaded its modules, if the program has a warm module.
        """
        self._started_monotonic_s = time.monotonic()
        self._process = self._started(warm)
        self._identity = identify(self._process.pid)
        self._started_at = time.time()
        self.health = Health.STARTING
        self.ended.clear()
        self.running.set()
        descriptor = os.pidfd_open(self._process.pid)
        asyncio.get_running_loop().add_reader(descriptor, self._on_exit, self._process, descriptor)
        logger.info("started %s, pid %d", self.program.name, self._process.pid)

    def _started(self, warm: WarmStart | None) -> subprocess.Popen[bytes] | ForkedProcess:
        child = self.program.child()
        if warm is not None and self.program.warm_module is not None:
            try:
                return warm.start(self.program.warm_module, child)
            except WarmStartError as error:
                logger.warning("%s could not be forked and is started as a new process: %s", self.program.name, error)
        return start_child(child)

    def _on_exit(self, process: subprocess.Popen[bytes] | ForkedProcess, descriptor: int) -> None:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
        self._last_exit = describe_exit(process.wait())
        self._process = self._identity = self._started_at = None
        self.health = Health.STOPPED
        self.running.clear()
        self.ended.set()
        logger.info("%s ended: %s", self.program.name, self._last_exit)

    async def until_ready(self) -> None:
        """Waits until the process is ready.

        Raises:
            StartError: the process ended before it was ready, or was not ready in time.
        """
        deadline = time.monotonic() + self.program.start_timeout_s
        while not await self.probe():
            if self.ended.is_set():
                raise self._start_error(f"ended before it was ready ({self._last_exit})")
            if time.monotonic() > deadline:
                raise self._start_error(f"was not ready within {self.program.start_timeout_s:g} s")
            await asyncio.sleep(POLL_INTERVAL_S)

    async def probe(self) -> bool:
        """Probes the process, updates `health`, and returns whether it is ready."""
        process = self._process
        if process is None:
            return False
        ready = await asyncio.to_thread(self.program.is_ready, process.pid)
        if process is not self._process:
            return False  # the process was replaced meanwhile
        if ready:
            self.health = Health.READY
        elif self.health is Health.READY:
            self.health = Health.NOT_READY
        return ready

    def _start_error(self, what: str) -> StartError:
        log_file = self.program.child().log_file
        return StartError(f"{self.program.name} {what}. The end of {log_file}:\n{last_lines(log_file)}")

    async def stop(self) -> None:
        """Drains and stops the process. Kills it and its children if it does not end in time."""
        process = self._process
        if process is None:
            return
        if self.health is Health.READY:
            await asyncio.to_thread(self.program.drain)
        self._signal(process, self.program.stop_signal)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.program.stop_timeout_s):
                await self.ended.wait()
                return
        logger.warning("killing %s because it did not stop in time", self.program.name)
        self._signal(process, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_TIMEOUT_S):
                await self.ended.wait()

    def _signal(self, process: subprocess.Popen[bytes] | ForkedProcess, number: signal.Signals) -> None:
        """Sends SIGKILL to the process group, and other signals only to the process, which stops its own children."""
        if process is not self._process:
            return
        with contextlib.suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(process.pid, number)
            else:
                os.kill(process.pid, number)


def describe_exit(return_code: int) -> str:
    """Formats a return code of `subprocess.Popen`: `status 1`, or the name of the signal, such as `SIGKILL`."""
    if return_code >= 0:
        return f"status {return_code}"
    try:
        return signal.Signals(-return_code).name
    except ValueError:
        return f"signal {-return_code}"
