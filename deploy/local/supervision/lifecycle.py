"""The life of a supervisor: it locks the home, starts the processes, and cleans up at the end."""

import asyncio
import fcntl
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace

from deploy.local.process.children import StartError
from deploy.local.process.private_files import write_private
from deploy.local.process.privilege import PrivilegeError
from deploy.local.process.recorded_process import identify
from deploy.local.programs.program import Program
from deploy.local.stack.environment import inherited, render_environment
from deploy.local.stack.layout import Home, LayoutError, Ports, make_home
from deploy.local.stack.specification import StackSpecification
from deploy.local.stack.state import EXIT_FAILED, Phase, ProcessState, StackState, read_state, write_state
from deploy.local.supervision.control import serve_control
from deploy.local.supervision.errors import AlreadyRunningError
from deploy.local.supervision.free_ports import require_free_ports
from deploy.local.supervision.leftovers import end_leftovers, remove_files
from deploy.local.supervision.supervisor import Supervisor
from deploy.local.supervision.warm_start import WarmStart, warm_start

logger = logging.getLogger(__name__)


async def _nothing() -> None:
    return


@dataclass(frozen=True)
class Assembly:
    """What a supervisor runs, and what it records about that in the state file."""

    programs: Sequence[Program]
    seed: Callable[[], Awaitable[Mapping[str, str]]]  # runs during the start; returns the content of HOME/env
    migrate: Callable[[], Awaitable[None]] = _nothing  # runs while the programs start, which wait for it
    other_processes: tuple[ProcessState, ...] = ()
    real_providers: tuple[str, ...] = ()
    mock_providers: tuple[str, ...] = ()
    example_model: str | None = None
    drain_grace_s: int = 0  # how long running calls may take at the end


class RefusedError(Exception):
    """The requested stack cannot be run. The message says why."""


# Reported as a message without a stack trace.
_FAILURES = (RefusedError, LayoutError, PrivilegeError, StartError, OSError)


@contextmanager
def hold_home(home: Home) -> Iterator[None]:
    """Holds the home's lock. The kernel releases it when the supervisor ends, even if it is killed.

    Raises:
        AlreadyRunningError: another process holds the lock.
    """
    with home.lock_file.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError("another supervisor holds the home") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def run(specification: StackSpecification, assemble: Callable[[], Assembly]) -> int:
    """Runs the stack until a signal stops it. Returns the exit status. Leaves a failure in the state file.

    Args:
        specification: the stack.
        assemble: returns what to run. Called once this process holds the home.

    Raises:
        AlreadyRunningError: another supervisor holds the home.
    """
    home = specification.home
    make_home(home)
    with hold_home(home):
        _clear(home)
        state = _first_state(specification.ports)
        write_state(home.state_file, state)
        try:
            assembly = assemble()
            require_free_ports(assembly.programs)
        except _FAILURES as error:
            _write_failure(home, state, str(error))
            return EXIT_FAILED
        supervisor = Supervisor(assembly.programs, _described(state, assembly), home.state_file)
        with _warm_start(home, assembly) as warm:
            failure = asyncio.run(_supervise(supervisor, home, assembly, warm))
        remove_files([home.environment_file])
        if failure is not None:
            supervisor.publish(Phase.FAILED, failure)
            return EXIT_FAILED
        remove_files([home.state_file])
        return 0


def _warm_start(home: Home, assembly: Assembly) -> AbstractContextManager[WarmStart | None]:
    """Begins to load the modules of services while the other programs start."""
    modules = sorted({program.warm_module for program in assembly.programs if program.warm_module is not None})
    if not modules:
        return nullcontext()
    return warm_start(modules, inherited(os.environ), home.log_file("supervisor"))


def _clear(home: Home) -> None:
    """Ends and removes what a killed supervisor left behind."""
    before = read_state(home.state_file)
    if before is not None:
        for name in end_leftovers(before):
            logger.warning("ended %s, which an earlier run left behind", name)
    remove_files([home.environment_file, home.state_file, home.control_socket])


def _first_state(ports: Ports) -> StackState:
    own = identify(os.getpid())
    if own is None:
        raise LayoutError("/proc is not mounted: mount it, because the runner needs it to identify its processes")
    return StackState(phase=Phase.STARTING, supervisor=own, port_base=ports.base, workers=ports.workers)


def _described(state: StackState, assembly: Assembly) -> StackState:
    return replace(
        state,
        processes=assembly.other_processes,
        real_providers=assembly.real_providers,
        mock_providers=assembly.mock_providers,
        example_model=assembly.example_model,
        drain_grace_s=assembly.drain_grace_s,
    )


def _write_failure(home: Home, state: StackState, failure: str) -> None:
    write_state(home.state_file, replace(state, phase=Phase.FAILED, failure=failure))


async def _supervise(supervisor: Supervisor, home: Home, assembly: Assembly, warm: WarmStart | None) -> str | None:
    """Runs until a signal arrives or the start fails. Stops every process, then returns the failure or None."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    control = await serve_control(home.control_socket, supervisor.commands())
    starting = asyncio.create_task(_bring_up(supervisor, home, assembly, warm))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await stopping
    except _FAILURES as error:
        logger.error("the start failed: %s", error)  # noqa: TRY400 - a stack trace would add nothing
        return str(error)
    finally:
        starting.cancel()
        stopping.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        control.close()
        await supervisor.stop()
    return None


async def _together(*works: Awaitable[object]) -> None:
    """Waits for all. The first failure cancels the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _bring_up(supervisor: Supervisor, home: Home, assembly: Assembly, warm: WarmStart | None) -> None:
    """Starts the programs, migrates the database and seeds the demo organization concurrently. The first failure cancels all."""
    seeding = asyncio.ensure_future(assembly.seed())
    await _together(supervisor.start(warm), assembly.migrate(), seeding)
    values = seeding.result()
    write_private(home.environment_file, render_environment(values))
    supervisor.publish(Phase.READY)
    logger.info("everything is ready")
