import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.process.children import ChildCommand, start_child
from deploy.local.process.recorded_process import RecordedProcess, is_alive, send_signal
from deploy.local.programs.redis import is_redis_ready
from deploy.local.stack.layout import REPOSITORY, Home, Ports, make_home
from deploy.local.stack.secrets import load_or_make_secrets
from deploy.local.stack.state import EXIT_ALREADY_RUNNING, Health, Phase, StackState, read_state
from deploy.local.supervision.background import running_state, stop_stack, wait_until_up
from deploy.local.supervision.control import ControlError, request_control
from deploy.local.supervision.errors import StackError
from deploy.local.supervision.leftovers import wait_for_end

SCRIPT = Path(__file__).with_name("small_stack.py")
PORTS = Ports(18320)
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    place = Home(tmp_path / "home")
    make_home(place)
    return place


@pytest.fixture
def start(home: Home) -> Iterator[Start]:
    supervisors = []

    def starter(third: str = "obedient") -> subprocess.Popen[bytes]:
        command = [sys.executable, str(SCRIPT), str(home.directory), str(PORTS.base), third]
        supervisor = start_child(ChildCommand(command, os.environ, REPOSITORY, home.log_file("supervisor")))
        supervisors.append(supervisor)
        return supervisor

    yield starter
    stop_stack(home)
    for supervisor in supervisors:
        supervisor.kill()
        supervisor.wait()


def _identities(state: StackState) -> list[RecordedProcess]:
    return [process.identity for process in state.processes if process.identity]


def _processes_using(home: Home) -> list[str]:
    """Returns the command lines of all processes that mention the home."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            directory = str((process / "cwd").readlink())
        except OSError:
            continue  # the process ended meanwhile
        if str(home.directory) in f"{command} {directory}":
            found.append(command)
    return found


def _eventually(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_stop_leaves_no_process_and_no_client_file(home: Home, start: Start) -> None:
    supervisor = start()
    state = wait_until_up(home, supervisor)
    assert {process.name: process.health for process in state.processes} == {
        "postgres": Health.READY,
        "redis": Health.READY,
        "third": Health.READY,
    }
    assert home.environment_file.stat().st_mode & 0o777 == 0o600
    assert stop_stack(home)
    assert supervisor.wait() == 0
    assert _processes_using(home) == []
    assert not home.environment_file.exists()
    assert not stop_stack(home), "a second stop must find nothing to do"


def test_processes_of_a_killed_supervisor_end_and_stop_kills_a_stubborn_one(home: Home, start: Start) -> None:
    supervisor = start("stubborn")
    state = wait_until_up(home, supervisor)
    supervisor.kill()
    supervisor.wait()
    obedient = [process.identity for process in state.processes if process.identity and process.name != "third"]
    assert wait_for_end(obedient, 60.0) == []
    assert is_alive(state.process("third").identity or pytest.fail("the supervisor had no process"))
    assert stop_stack(home)
    assert _processes_using(home) == []


def test_a_start_after_a_killed_supervisor_first_ends_leftover_processes(home: Home, start: Start) -> None:
    first = start("stubborn")
    left = _identities(wait_until_up(home, first))
    first.kill()
    first.wait()
    state = wait_until_up(home, start())
    assert wait_for_end(left, 0.0) == []
    assert state.phase is Phase.READY


def test_a_process_that_dies_is_restarted_and_the_state_counts_it(home: Home, start: Start) -> None:
    before = wait_until_up(home, start()).process("redis")
    assert before.identity
    send_signal(before.identity, signal.SIGKILL)

    def is_back() -> bool:
        state = running_state(home)
        return state is not None and state.process("redis").restarts == 1 and is_ready(state)

    def is_ready(state: StackState) -> bool:
        return state.process("redis").health is Health.READY

    _eventually(is_back)
    after = (running_state(home) or pytest.fail("not running")).process("redis")
    assert after.last_exit == "SIGKILL"
    assert after.identity != before.identity
    assert is_redis_ready(PORTS.redis, load_or_make_secrets(home).redis_password)


def test_a_process_stopped_on_purpose_stays_down_until_it_is_started(home: Home, start: Start) -> None:
    wait_until_up(home, start())
    request_control(home.control_socket, "stop", "redis")
    time.sleep(0.5)  # longer than the first delay before a restart
    assert not is_redis_ready(PORTS.redis, load_or_make_secrets(home).redis_password)
    request_control(home.control_socket, "start", "redis")
    assert is_redis_ready(PORTS.redis, load_or_make_secrets(home).redis_password)


def test_an_unknown_process_is_refused_by_the_control_socket(home: Home, start: Start) -> None:
    wait_until_up(home, start())
    with pytest.raises(ControlError, match=r"there is no process nginx\. Choose one of: postgres, redis, third"):
        request_control(home.control_socket, "restart", "nginx")


def test_a_process_that_ignores_a_stop_is_killed(home: Home, start: Start) -> None:
    supervisor = start("stubborn")
    wait_until_up(home, supervisor)
    assert stop_stack(home)
    assert supervisor.wait() == 0
    assert _processes_using(home) == []


def test_a_failed_start_names_the_process_shows_its_output_and_leaves_nothing(home: Home, start: Start) -> None:
    supervisor = start("failing")
    with pytest.raises(StackError, match=r"third ended before it was ready \(status 1\)(?s:.)*the reason it gives"):
        wait_until_up(home, supervisor)
    assert _processes_using(home) == []


def test_a_port_in_use_is_reported_with_a_remedy(home: Home, start: Start) -> None:
    with socket.create_server(("127.0.0.1", PORTS.redis)):
        supervisor = start()
        with pytest.raises(StackError, match=rf"port {PORTS.redis} \(for redis\) is in use.*--port-base"):
            wait_until_up(home, supervisor)


def test_a_home_has_only_one_supervisor(home: Home, start: Start) -> None:
    wait_until_up(home, start())
    assert start().wait() == EXIT_ALREADY_RUNNING
    assert running_state(home) is not None


def test_a_supervisor_with_an_unreadable_state_is_reported(home: Home, start: Start) -> None:
    supervisor = start()
    wait_until_up(home, supervisor)
    content = home.state_file.read_text()
    home.state_file.write_text("written by another version")
    with pytest.raises(StackError, match=f"kill {supervisor.pid}"):
        stop_stack(home)
    home.state_file.write_text(content)


def test_secrets_are_in_no_command_line_and_no_log(home: Home, start: Start) -> None:
    wait_until_up(home, start())
    secrets = load_or_make_secrets(home)
    shown = "\n".join(_processes_using(home)) + "".join(log.read_text() for log in home.logs.glob("*.log"))
    assert "valkey-server" in shown
    for secret in (secrets.postgres_password, secrets.redis_password, secrets.key_pepper, secrets.hold_signing_key):
        assert secret not in shown


def test_the_state_of_a_dead_supervisor_does_not_count_as_running(home: Home, start: Start) -> None:
    supervisor = start()
    wait_until_up(home, supervisor)
    supervisor.kill()
    supervisor.wait()
    assert read_state(home.state_file) is not None
    assert running_state(home) is None
