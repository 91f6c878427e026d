"""Starts services as forks of one process that has loaded what they share; see `deploy.local.process.warm_process`.

Only the first start of a stack's services goes this way. One that is started again later runs the code of that moment, so
it is started for itself.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from deploy.local.process.children import ChildCommand, open_log, start_child
from deploy.local.process.warm_process import PACKET_MAX_BYTES
from deploy.local.stack.layout import REPOSITORY

logger = logging.getLogger(__name__)

_ANSWER_TIMEOUT_S: Final = 5.0
_LOAD_TIMEOUT_S: Final = 60.0
_UNKNOWN_STATUS: Final = -int(signal.SIGKILL)


class WarmStartError(Exception):
    """There is no warm process any more; start the program for itself."""


class ForkedProcess:
    """A fork of the warm process, with what a supervisor asks of a `subprocess.Popen`."""

    def __init__(self, warm: "WarmStart", process_id: int) -> None:
        self._warm = warm
        self.pid = process_id

    def wait(self) -> int:
        """The return code, as `subprocess.Popen` has it, of a process that has ended."""
        return self._warm.status_of(self.pid)


class WarmStart:
    """The warm process, seen from the supervisor."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._ended: dict[int, int] = {}
        self._loading: asyncio.Task[None] | None = None

    async def until_loaded(self) -> None:
        """Waits until it can fork, or is gone because a module cannot be loaded: the service itself then says why."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._until_it_says_so())
        await asyncio.shield(self._loading)

    async def _until_it_says_so(self) -> None:
        self._connection.settimeout(0)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_LOAD_TIMEOUT_S):
                await asyncio.get_running_loop().sock_recv(self._connection, PACKET_MAX_BYTES)

    def start(self, module: str, child: ChildCommand) -> ForkedProcess:
        """Starts `module` with the environment, directory and log of its command; `until_loaded` comes first.

        Raises:
            WarmStartError: there is no process that could.
        """
        request = {"module": module, "environment": dict(child.environment), "directory": str(child.directory)}
        packet = json.dumps(request).encode()
        if len(packet) > PACKET_MAX_BYTES:
            raise WarmStartError("its environment is too large to be passed on")
        log = open_log(child.log_file)
        try:
            socket.send_fds(self._connection, [packet], [log])
        except OSError as error:
            raise WarmStartError(str(error)) from error
        finally:
            os.close(log)
        while "started" not in (answer := self._receive(_ANSWER_TIMEOUT_S)):
            pass  # the end of another one, which has been noted
        return ForkedProcess(self, int(answer["started"]))

    def status_of(self, process_id: int) -> int:
        """The return code of a fork that has ended; SIGKILL where nobody is left to say."""
        try:
            while process_id not in self._ended:
                self._receive(_ANSWER_TIMEOUT_S)
        except WarmStartError:
            return _UNKNOWN_STATUS
        return self._ended.pop(process_id)

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        self._connection.settimeout(timeout_s)
        try:
            packet = self._connection.recv(PACKET_MAX_BYTES)
        except OSError as error:
            raise WarmStartError(str(error)) from error
        if not packet:
            raise WarmStartError("the warm process has ended")
        answer: dict[str, Any] = json.loads(packet)
        if "ended" in answer:
            self._ended[int(answer["ended"])] = int(answer["status"])
        return answer


@contextlib.contextmanager
def warm_start(modules: Sequence[str], environment: Mapping[str, str], log_file: Path) -> Iterator[WarmStart]:
    """Starts the warm process; it ends with the context, and its forks with it. Call it on the main thread.

    Args:
        modules: what it loads.
        environment: its own. It holds no secret, but what changes how a library behaves from the moment it is loaded.
        log_file: what a module that cannot be loaded says.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "deploy.local.process.warm_process", *modules]
    child = ChildCommand(command, {**environment, "PYTHONUNBUFFERED": "1"}, REPOSITORY, log_file)
    process: subprocess.Popen[bytes] = start_child(child, stdin=theirs.fileno())
    theirs.close()
    try:
        yield WarmStart(ours)
    finally:
        ours.close()
        process.wait()
