"""Starts a supervisor, waits for it, and stops it. The command line and the tests share this module."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping

from deploy.local.process.children import ChildCommand, last_lines, open_log, start_child
from deploy.local.process.recorded_process import is_alive, send_signal
from deploy.local.stack.layout import REPOSITORY, Home, make_home
from deploy.local.stack.specification import StackSpecification
from deploy.local.stack.state import EXIT_ALREADY_RUNNING, Phase, StackState, read_state
from deploy.local.supervision.errors import AlreadyRunningError, StackError
from deploy.local.supervision.leftovers import end_leftovers, remove_files, wait_for_end

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 45.0  # more than the supervisor needs to kill every process, in addition to the time that calls get
KILL_WAIT_S = 5.0
APPEARANCE_S = 3.0  # a supervisor that holds the home writes its state within this time
POLL_INTERVAL_S = 0.03


def running_state(home: Home) -> StackState | None:
    """Returns the state of the stack, or None if its supervisor does not run."""
    state = read_state(home.state_file)
    return state if state is not None and is_alive(state.supervisor) else None


def start_supervisor(
    specification: StackSpecification, environment: Mapping[str, str], *, bound: bool
) -> subprocess.Popen[bytes]:
    """Starts a supervisor in the background.

    Args:
        specification: the stack.
        environment: of the supervisor.
        bound: whether the supervisor stops when the calling thread ends.

    Raises:
        LayoutError: the home cannot be used.
    """
    home = specification.home
    make_home(home)
    command = [sys.executable, "-m", "deploy.local.supervision.supervise", *specification.arguments()]
    if bound:
        return start_child(ChildCommand(command, environment, REPOSITORY, home.log_file("supervisor")))
    log = open_log(home.log_file("supervisor"))
    try:
        return subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)


def wait_until_up(home: Home, supervisor: subprocess.Popen[bytes] | None = None) -> StackState:
    """Waits until every process is ready, and returns the state.

    Args:
        home: of the stack.
        supervisor: the supervisor that this process started, or None to wait for one that another process started.

    Raises:
        AlreadyRunningError: another supervisor holds the home.
        StackError: the stack could not be started. None of its processes runs any more.
    """
    started = time.monotonic()
    deadline = started + START_TIMEOUT_S
    while time.monotonic() < deadline:
        ended = supervisor is not None and supervisor.poll() is not None
        state = read_state(home.state_file) if ended else running_state(home)
        if supervisor is not None and ended:
            raise _start_failure(home, supervisor.returncode, state)
        if supervisor is None and state is None and time.monotonic() - started > APPEARANCE_S:
            raise StackError("the stack was stopped before it was ready")
        if state is not None and state.phase is Phase.READY and _is_of(state, supervisor):
            return state
        time.sleep(POLL_INTERVAL_S)
    stop_stack(home)
    raise StackError(f"the stack was not ready within {START_TIMEOUT_S:g} s: read the logs in {home.logs}")


def _is_of(state: StackState, supervisor: subprocess.Popen[bytes] | None) -> bool:
    return supervisor is None or state.supervisor.pid == supervisor.pid


def _start_failure(home: Home, status: int, state: StackState | None) -> StackError:
    if status == EXIT_ALREADY_RUNNING:
        return AlreadyRunningError("another supervisor holds the home")
    if state is not None and state.failure:
        return StackError(state.failure)
    log_file = home.log_file("supervisor")
    return StackError(f"the supervisor ended with status {status}. The end of {log_file}:\n{last_lines(log_file)}")


def _require_no_holder(home: Home) -> None:
    """Refuses if a supervisor runs whose state cannot be read, perhaps one of another version. The user must end it."""
    try:
        with home.lock_file.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return
    except BlockingIOError as error:
        pid = home.lock_file.read_text(encoding="ascii").strip()
        raise StackError(
            f"supervisor {pid} runs in {home.directory}, but {home.state_file} cannot be read: end it with `kill {pid}`"
        ) from error


def stop_stack(home: Home) -> bool:
    """Ends everything that runs for this home. Returns False if nothing did.

    The supervisor stops its processes in order. If the supervisor hangs, this function kills it, which makes the kernel send
    the stop signal to its processes. Then this function ends those that still run.

    Raises:
        StackError: a supervisor runs, but its state cannot be read.
    """
    state = read_state(home.state_file)
    if state is None:
        _require_no_holder(home)
        return False
    was_running = send_signal(state.supervisor, signal.SIGTERM)
    if wait_for_end([state.supervisor], STOP_TIMEOUT_S + state.drain_grace_s):
        send_signal(state.supervisor, signal.SIGKILL)
        wait_for_end([state.supervisor], KILL_WAIT_S)
    last = read_state(home.state_file)
    ended = end_leftovers(last) if last is not None else []
    remove_files([home.environment_file, home.state_file])
    return was_running or bool(ended)
