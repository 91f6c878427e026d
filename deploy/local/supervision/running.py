"""A whole stack as an object, for test suites: the same supervisor as behind `./dev up`, and hooks to break things."""

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
    """A stack in a home of its own. It ends when the process that started it ends.

    Args:
        home: directory for all its state.
        port_base: first of its ports.
        catalog: catalogue file.
        workers: of authz_service and of ratelimit_service.
        settings: further environment variables, for example service settings. Variables of the calling shell that
            point to other databases, or hold credentials of real providers, are not passed on.
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
        """Starts everything and waits until it is ready. Call it from the main thread.

        Raises:
            StackError: it could not be started; nothing of it runs then.
        """
        environment = {**inherited(os.environ), **self._settings}
        self._supervisor = start_supervisor(self.specification, environment, bound=True)
        wait_until_up(self.home, self._supervisor)

    @property
    def home(self) -> Home:
        """Where it keeps its files."""
        return self.specification.home

    @property
    def ports(self) -> Ports:
        """Where it listens."""
        return self.specification.ports

    def stop(self) -> None:
        """Ends everything; does nothing when nothing runs."""
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
        """The values of `HOME/env`."""
        return parse_environment(self.home.environment_file.read_text(encoding="utf-8"))

    @property
    def demo(self) -> dict[str, Any]:
        """The demo organization with all its keys and tokens, as `admin_service.demo` describes it."""
        content: dict[str, Any] = json.loads(self.home.demo_file.read_text(encoding="utf-8"))
        return content

    @property
    def state(self) -> StackState:
        """What the supervisor says now.

        Raises:
            StackError: it does not run.
        """
        state = running_state(self.home)
        if state is None:
            raise StackError("the stack is not running")
        return state

    def identity(self, name: str) -> RecordedProcess:
        """The running process of a program: `envoy`, `authz_service`, `postgres`, ...

        Raises:
            StackError: it does not run.
        """
        identity = self.state.process(name).identity
        if identity is None:
            raise StackError(f"{name} is not running")
        return identity

    def kill(self, name: str, signal_number: int = signal.SIGKILL) -> None:
        """Signals a process behind the supervisor's back: killed, it is started again after a moment.

        SIGSTOP freezes it, SIGCONT lets it go on.
        """
        send_signal(self.identity(name), signal_number)

    def stop_process(self, name: str) -> None:
        """Ends a process in good order; it stays down until `start_process`."""
        request_control(self.home.control_socket, "stop", name)

    def start_process(self, name: str) -> None:
        """Starts a process that was stopped, and waits until it is ready."""
        request_control(self.home.control_socket, "start", name)

    def restart(self, name: str) -> None:
        """Ends a process in good order and starts it again; returns when it is ready."""
        request_control(self.home.control_socket, "restart", name)
