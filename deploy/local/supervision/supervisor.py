"""Starts the processes of a stack concurrently, restarts those that end, and stops all of them in order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from deploy.local.process.children import StartError
from deploy.local.process.restarts import RestartPolicy, after_exit
from deploy.local.programs.program import Program
from deploy.local.stack.state import Health, Phase, StackState, write_state
from deploy.local.supervision.supervised_process import Entry
from deploy.local.supervision.warm_start import WarmStart

logger = logging.getLogger(__name__)

HEALTH_INTERVAL_S = 1.0


class Supervisor:
    """Owns the processes of one stack."""

    def __init__(
        self, programs: Sequence[Program], state: StackState, state_file: Path, policy: RestartPolicy | None = None
    ) -> None:
        self._entries = {program.name: Entry(program) for program in programs}
        self._other_processes = state.processes
        self._state = state
        self._state_file = state_file
        self._policy = policy or RestartPolicy()
        self._keepers: list[asyncio.Task[None]] = []
        self._written: StackState | None = None

    async def start(self, warm: WarmStart | None = None) -> None:
        """Starts all programs concurrently and waits until all are ready.

        Args:
            warm: forks the programs that have a warm module.

        Raises:
            StartError: a program could not be started. The others still run, so call `stop`.
        """
        self.publish(Phase.STARTING)
        starts = [asyncio.create_task(self._first_start(entry, warm)) for entry in self._entries.values()]
        try:
            await asyncio.gather(*starts)
        finally:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
        self._keepers = [asyncio.create_task(self._keep(entry)) for entry in self._entries.values()]
        self._keepers.append(asyncio.create_task(self._watch_health()))

    async def _first_start(self, entry: Entry, warm: WarmStart | None) -> None:
        await asyncio.to_thread(entry.program.prepare)
        if warm is not None and entry.program.warm_module is not None:
            await warm.until_loaded()
        entry.start(warm)
        self.publish()
        await entry.until_ready()
        self.publish()

    async def _keep(self, entry: Entry) -> None:
        """Restarts the process whenever it ends, unless a command stopped it."""
        while True:
            await entry.ended.wait()
            if entry.wanted.is_set():
                entry.history, delay_s = after_exit(entry.history, entry.ran_s, self._policy)
                entry.health = Health.RESTARTING
                self.publish()
                logger.warning("restarting %s in %.1f s", entry.program.name, delay_s)
                await asyncio.sleep(delay_s)
            else:
                self.publish()
            await entry.wanted.wait()
            try:
                await entry.dismiss_predecessors()
                entry.start()
                self.publish()
                await entry.until_ready()
            except (OSError, StartError) as error:
                logger.error("%s could not be started: %s", entry.program.name, error)  # noqa: TRY400
            self.publish()

    async def _watch_health(self) -> None:
        while True:
            await asyncio.gather(*(entry.probe() for entry in self._entries.values()))
            self.publish()
            for entry in self._entries.values():
                await self._replace_if_unready(entry)
            await asyncio.sleep(HEALTH_INTERVAL_S)

    async def _replace_if_unready(self, entry: Entry) -> None:
        """Replaces a process that no longer serves. What still runs in it may finish, unless it hangs."""
        limit_s = entry.program.replace_unready_after_s
        if limit_s is None or not entry.wanted.is_set() or entry.unready_s < limit_s:
            return
        logger.warning("%s has not been ready for %.0f s and is replaced", entry.program.name, entry.unready_s)
        try:
            await entry.renew()
        except (OSError, StartError) as error:
            logger.error("%s could not be replaced: %s", entry.program.name, error)  # noqa: TRY400
        self.publish()

    async def stop(self) -> None:
        """Stops all processes: traffic first, storage last."""
        self.publish(Phase.STOPPING)
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for rank in sorted({entry.program.stop_rank for entry in self._entries.values()}):
            same = [entry for entry in self._entries.values() if entry.program.stop_rank == rank]
            await asyncio.gather(*(entry.stop() for entry in same))
            self.publish()

    def publish(self, phase: Phase | None = None, failure: str | None = None) -> None:
        """Writes the state file if the state has changed.

        Args:
            phase: the new phase, or None to keep it.
            failure: why the stack failed, or None to keep the recorded reason.
        """
        self._state = replace(
            self._state,
            phase=phase or self._state.phase,
            failure=failure or self._state.failure,
            processes=(*(entry.state for entry in self._entries.values()), *self._other_processes),
        )
        if self._state != self._written:
            write_state(self._state_file, self._state)
            self._written = self._state

    def commands(self) -> Mapping[str, Callable[[str], Awaitable[None]]]:
        """Returns the commands of the control socket. Each takes the name of a process."""
        return {"stop": self._stop_one, "start": self._start_one, "restart": self._restart_one}

    def _entry(self, name: str) -> Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise StartError(f"there is no process {name}. Choose one of: {', '.join(self._entries)}")
        return entry

    async def _stop_one(self, name: str) -> None:
        entry = self._entry(name)
        entry.wanted.clear()
        await entry.stop()
        self.publish()

    async def _start_one(self, name: str) -> None:
        entry = self._entry(name)
        entry.wanted.set()
        async with asyncio.timeout(entry.program.start_timeout_s):
            await entry.running.wait()
        await entry.until_ready()
        self.publish()

    async def _restart_one(self, name: str) -> None:
        """Replaces the process if it runs and can be replaced without a pause. Otherwise stops and starts it."""
        entry = self._entry(name)
        if entry.program.successor is not None and entry.running.is_set() and entry.health is Health.READY:
            await entry.replace()
            self.publish()
            return
        await self._stop_one(name)
        await self._start_one(name)
