"""The supervisor's control socket: one JSON request and one JSON answer for each connection.

Only the owner of the home can reach the socket, because its directory is closed to other users.
"""

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from deploy.local.process.children import StartError

logger = logging.getLogger(__name__)

REQUEST_MAX_BYTES = 4096
REQUEST_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 90.0

Commands = Mapping[str, Callable[[str], Awaitable[None]]]


class ControlError(Exception):
    """The supervisor did not carry out a command. The message says why."""


async def serve_control(path: Path, commands: Commands) -> asyncio.Server:
    """Listens for requests `{"command": ..., "process": ...}`. First remove the socket that a killed supervisor left.

    Args:
        path: of the socket.
        commands: a function for each command; it receives the name of a process.
    """

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            error = await _answer(reader, commands)
            writer.write(json.dumps({"error": error}).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError, TimeoutError):
            logger.info(
                "a control request failed: the client closed the connection, or sent an invalid request or none"
            )
        finally:
            writer.close()

    return await asyncio.start_unix_server(handle, path, limit=REQUEST_MAX_BYTES)


async def _answer(reader: asyncio.StreamReader, commands: Commands) -> str | None:
    async with asyncio.timeout(REQUEST_TIMEOUT_S):
        line = await reader.readline()
    try:
        request = json.loads(line)
        command, process = commands[request["command"]], str(request["process"])
    except (ValueError, KeyError, TypeError):
        return f"invalid request: send a command ({', '.join(commands)}) and a process"
    try:
        await command(process)
    except (StartError, OSError) as error:
        return str(error) or type(error).__name__
    return None


def request_control(path: Path, command: str, process: str) -> None:
    """Asks a running supervisor to `stop`, `start` or `restart` a process, and waits until that is done.

    Raises:
        ControlError: no supervisor answers, or the command failed.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_TIMEOUT_S)
            connection.connect(str(path))
            connection.sendall(json.dumps({"command": command, "process": process}).encode() + b"\n")
            with connection.makefile("rb") as answers:
                answer = json.loads(answers.readline() or b'{"error": "the supervisor ended"}')
    except OSError as error:
        raise ControlError(f"cannot reach the supervisor: {error}") from error
    if answer["error"] is not None:
        raise ControlError(answer["error"])
