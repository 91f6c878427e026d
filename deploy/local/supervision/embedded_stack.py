"""A whole stack as an object for tests: runs the same supervisor as `./dev up`, and can kill, stop and restart processes."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy.local.process.recorded_process import RecordedProcess, send_signal
from deploy.local.stack.environment import inherited, parse_environment
from deploy.local.stack.layout import Home, Ports
from deploy.local.stack.specification import DEFAULT_CATALOG, StackSpecification
from deploy.local.stack.state import StackState
from deploy.local.supervision.background import running_state, start_supervisor, stop_stack, wait_until_up
from deploy.local.supervision.control import request_control
from deploy.local.supervision.errors import StackError

SUPERVISOR_WAIT_S = 60.0


class Stack:
    """A stack in its own home. It ends when the process that started it ends.

    Args:
        home: the directory for all its state.
        port_base: the first of its ports.
        catalog: the catalog file.
        workers: processes of authz_service and of ratelimit_service.
        settings: more environment variables, for example service settings. The stack does not inherit variables of the
            calling shell that name other databases or contain credentials of real providers.
    """

    def __init__(
        self,
        home: Path,
        port_base: int,
        *,
        catalog: Path = DEFAULT_CATALOG,
        workers: int = 1,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.specification = StackSpecification(Home(home.resolve()), Ports(port_base, workers), catalog.resolve())
        self._settings = dict(settings or {})
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts everything and waits until it is ready. Call this on the main thread.

        Raises:
            StackError: the stack could not be started. None of its processes runs.
        """
        environment = {**inherited(os.environ), **self._settings}
        self._supervisor = start_supervisor(self.specification, environment, bound=True)
        wait_until_up(self.home, self._supervisor)

    @property
    def home(self) -> Home:
        """The directory of the stack."""
        return self.specification.home

    @property
    def ports(self) -> Ports:
        """The ports of the stack."""
        return self.specification.ports

    def stop(self) -> None:
        """Stops everything. Does nothing if nothing runs."""
        stop_stack(self.home)
        if self._supervisor is not None:
            self._supervisor.wait(SUPERVISOR_WAIT_S)
            self._supervisor = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The variables in `HOME/env`."""
        return parse_environment(self.home.environment_file.read_text(encoding="utf-8"))

    @property
    def demo(self) -> dict[str, Any]:
        """The demo organization with all its keys and tokens, as `admin_service.demo` describes it."""
        content: dict[str, Any] = json.loads(self.home.demo_file.read_text(encoding="utf-8"))
        return content

    @property
    def state(self) -> StackState:
        """The state that the supervisor recorded last.

        Raises:
            StackError: the supervisor does not run.
        """
        state = running_state(self.home)
        if state is None:
            raise StackError("the stack is not running")
        return state

    def identity(self, name: str) -> RecordedProcess:
        """Returns the running process of a program: `envoy`, `authz_service`, `postgres`, ...

        Raises:
            StackError: the program does not run.
        """
        identity = self.state.process(name).identity
        if identity is None:
            raise StackError(f"{name} is not running")
        return identity

    def kill(self, name: str, signal_number: int = signal.SIGKILL) -> None:
        """Sends a signal to a process without the supervisor's knowledge. The supervisor restarts a process that ends.

        SIGSTOP freezes the process, and SIGCONT resumes it.
        """
        send_signal(self.identity(name), signal_number)

    def stop_process(self, name: str) -> None:
        """Stops a process gracefully. It stays down until `start_process`."""
        request_control(self.home.control_socket, "stop", name)

    def start_process(self, name: str) -> None:
        """Starts a stopped process and waits until it is ready."""
        request_control(self.home.control_socket, "start", name)

    def restart(self, name: str) -> None:
        """Stops a process gracefully, starts it again, and waits until it is ready."""
        request_control(self.home.control_socket, "restart", name)
