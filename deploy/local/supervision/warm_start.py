"""Starts services as forks of one process that has loaded their modules. See `deploy.local.process.warm_process`.

Only the first start of each service uses a fork. A restart must run the code as it is then, so it starts a new process.
"""

import asyncio
import contextlib
import dataclasses
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
    """The warm process cannot start the program. Start the program as a new process."""


class ForkedProcess:
    """A fork of the warm process, with the part of `subprocess.Popen` that the supervisor uses."""

    def __init__(self, warm: "WarmStart", process_id: int) -> None:
        self._warm = warm
        self.pid = process_id

    def wait(self) -> int:
        """Returns the return code of an ended process, in the form of `subprocess.Popen`."""
        return self._warm.status_of(self.pid)


class WarmStart:
    """The supervisor's connection to the warm process."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._ended: dict[int, int] = {}
        self._loading: asyncio.Task[None] | None = None

    async def until_loaded(self) -> None:
        """Waits until the warm process can fork. Also returns if it ended because a module could not be loaded.

        In that case, `start` fails. The service that is started instead reports the reason.
        """
        if self._loading is None:
            self._loading = asyncio.create_task(self._until_it_says_so())
        await asyncio.shield(self._loading)

    async def _until_it_says_so(self) -> None:
        self._connection.settimeout(0)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_LOAD_TIMEOUT_S):
                await asyncio.get_running_loop().sock_recv(self._connection, PACKET_MAX_BYTES)

    def start(self, module: str, child: ChildCommand) -> ForkedProcess:
        """Forks a process that runs `module` with the environment, directory and log of `child`. Await `until_loaded` first.

        Raises:
            WarmStartError: the environment is too large, or the warm process does not run or does not answer.
        """
        request = {
            "module": module,
            "environment": dict(child.environment),
            "directory": str(child.directory),
            "account": None if child.account is None else dataclasses.astuple(child.account),
        }
        packet = json.dumps(request).encode()
        if len(packet) > PACKET_MAX_BYTES:
            raise WarmStartError("its environment is too large for one packet")
        log = open_log(child.log_file)
        try:
            socket.send_fds(self._connection, [packet], [log])
        except OSError as error:
            raise WarmStartError(str(error)) from error
        finally:
            os.close(log)
        while "started" not in (answer := self._receive(_ANSWER_TIMEOUT_S)):
            pass  # the end of another process, which `_receive` has recorded
        return ForkedProcess(self, int(answer["started"]))

    def status_of(self, process_id: int) -> int:
        """Returns the return code of an ended fork. Returns -SIGKILL if the warm process can no longer report it."""
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
    """Starts the warm process. It and its forks end with the context. Call this on the main thread.

    Args:
        modules: to load.
        environment: of the warm process. It must contain the variables that libraries read when they are loaded, but no secret.
        log_file: receives the error of a module that cannot be loaded.
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
