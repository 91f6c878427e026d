"""Supervises one program: starts its process, notices its end, replaces it, and stops it."""

import asyncio
import logging
import time

from deploy.local.process.children import StartError, last_lines, start_child
from deploy.local.process.restarts import RestartHistory
from deploy.local.process.running_process import Process, RunningProcess
from deploy.local.programs.program import Program
from deploy.local.stack.state import Health, ProcessState
from deploy.local.supervision.warm_start import WarmStart, WarmStartError

logger = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.02


class Entry:
    """A program and the process that runs it, if any. After a replacement, earlier processes may still finish their work."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.health = Health.STOPPED
        self.history = RestartHistory()
        self.wanted = asyncio.Event()
        self.wanted.set()
        self.running = asyncio.Event()
        self.ended = asyncio.Event()  # the opposite of `running`, so that a task can wait for either
        self.ended.set()
        self._current: RunningProcess | None = None
        self._leaving: dict[RunningProcess, asyncio.Task[None]] = {}
        self._generation = 0
        self._ran_s = 0.0
        self._last_exit: str | None = None
        self._unready_since_s = 0.0
        self._replacing = asyncio.Lock()

    @property
    def state(self) -> ProcessState:
        """The state of the process for the status table."""
        current = self._current
        return ProcessState(
            name=self.program.name,
            address=self.program.address,
            health=self.health,
            identity=None if current is None else current.identity,
            started_at=None if current is None else current.started_at,
            restarts=self.history.restarts,
            last_exit=self._last_exit,
            leaving=tuple(process.identity for process in self._leaving if process.identity is not None),
        )

    @property
    def ran_s(self) -> float:
        """Seconds between the last start of a process that has ended and its end."""
        return self._ran_s

    def start(self, warm: WarmStart | None = None) -> None:
        """Starts the process. Call this on the main thread, because the process ends when the starting thread ends.

        Args:
            warm: starts the program as a fork that has already loaded its modules, if the program has a warm module.
        """
        self._generation = 0
        self._become(RunningProcess(self.program.name, self._started(warm), self._on_exit))

    def _started(self, warm: WarmStart | None) -> Process:
        child = self.program.child()
        if warm is not None and self.program.warm_module is not None:
            try:
                return warm.start(self.program.warm_module, child)
            except WarmStartError as error:
                logger.warning("%s could not be forked and is started as a new process: %s", self.program.name, error)
        return start_child(child)

    def _become(self, process: RunningProcess) -> None:
        self._current = process
        self.health = Health.STARTING
        self.ended.clear()
        self.running.set()

    def _on_exit(self, process: RunningProcess) -> None:
        if process is not self._current:
            return
        self._last_exit = process.last_exit
        self._ran_s = time.monotonic() - process.started_monotonic_s
        self._current = None
        self.health = Health.STOPPED
        self.running.clear()
        self.ended.set()

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
        process = self._current
        if process is None:
            return False
        if self._replacing.locked():
            return self.health is Health.READY  # its successor has already taken parts of it over
        ready = await asyncio.to_thread(self.program.is_ready, process.pid)
        if process is not self._current:
            return False  # the process was replaced meanwhile
        if ready:
            self.health = Health.READY
        elif self.health is Health.READY:
            self.health = Health.NOT_READY
            self._unready_since_s = time.monotonic()
        return ready

    @property
    def unready_s(self) -> float:
        """How long a process that was ready has not been ready; 0 if it is ready or has never been."""
        return time.monotonic() - self._unready_since_s if self.health is Health.NOT_READY else 0.0

    def _start_error(self, what: str) -> StartError:
        log_file = self.program.child().log_file
        return StartError(f"{self.program.name} {what}. The end of {log_file}:\n{last_lines(log_file)}")

    async def replace(self) -> None:
        """Starts a second process and lets it take over before the first one leaves, so that no call is refused meanwhile.

        Call this on the main thread, and only for a program with a `successor`. If the new process does not become ready, the
        old one stays.

        Raises:
            StartError: the new process ended before it was ready, or was not ready in time.
        """
        if self.program.successor is None:
            raise StartError(f"{self.program.name} cannot run twice: stop it and start it")
        async with self._replacing:
            await asyncio.gather(*self._leaving.values(), return_exceptions=True)
            child = self.program.successor(self._generation + 1)
            new = RunningProcess(self.program.name, start_child(child), self._on_exit)
            try:
                await self._until_taken_over(new)
            except BaseException:
                await new.kill()
                raise
            self._generation += 1
            old = self._current
            self._become(new)
            self.health = Health.READY
            if old is not None:
                self._see_off(old)

    async def renew(self) -> None:
        """Replaces a process that no longer serves. One that hangs is killed, and restarted as after a crash.

        Raises:
            StartError: as for `replace`.
        """
        process = self._current
        if process is None:
            return
        if self.program.successor is not None and await asyncio.to_thread(self.program.is_alive, process.pid):
            await self.replace()
        else:
            await process.kill()

    async def dismiss_predecessors(self) -> None:
        """Ends the processes that were replaced, before a new line of processes begins, because the two lines would collide."""
        if self.program.leaves_by_itself:
            await asyncio.gather(*(old.kill() for old in tuple(self._leaving)))

    async def _until_taken_over(self, new: RunningProcess) -> None:
        deadline = time.monotonic() + self.program.start_timeout_s
        while not await asyncio.to_thread(self.program.is_ready, new.pid):
            if new.ended.is_set():
                raise self._start_error(f"ended before it was ready ({new.last_exit}); the running one continues")
            if time.monotonic() > deadline:
                raise self._start_error(
                    f"was not ready within {self.program.start_timeout_s:g} s; the running one continues"
                )
            await asyncio.sleep(POLL_INTERVAL_S)

    def _see_off(self, old: RunningProcess) -> None:
        stop_signal = None if self.program.leaves_by_itself else self.program.stop_signal
        leaving = asyncio.create_task(old.end(stop_signal, self.program.leave_timeout_s))
        self._leaving[old] = leaving
        leaving.add_done_callback(lambda _: self._leaving.pop(old, None))

    async def stop(self) -> None:
        """Stops the process. Kills it and its children if it does not end in time."""
        process = self._current
        if process is not None:
            drain_timeout_s = self.program.drain_timeout_s if self.health is Health.READY else 0.0
            await process.end(self.program.stop_signal, self.program.stop_timeout_s + drain_timeout_s)
        for old, leaving in tuple(self._leaving.items()):
            leaving.cancel()
            await old.end(self.program.stop_signal, self.program.stop_timeout_s)
