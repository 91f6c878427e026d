"""Runs a third-party client in a process and an environment of its own, which know only the gateway's address and a key."""

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.clients.installation import Installation
from tests.support.clients.table import FOLDER, Language
from tools.sdk import npm

TIMEOUT_S = 240.0
_SHOWN_CHARACTERS = 3_000


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    output: str
    errors: str

    def __str__(self) -> str:
        return f"status {self.status}\n{self.output[-_SHOWN_CHARACTERS:]}\n{self.errors[-_SHOWN_CHARACTERS:]}"


@dataclass(frozen=True)
class Step:
    """A step of a program: the name of a function, the key with which it calls, and the model if not the program's own."""

    name: str
    key: str
    model: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a step returned, or how it failed."""

    returned: Any = None
    raised: tuple[str, ...] = ()
    """The class of the exception and its base classes, the most special first."""
    status: int | None = None
    """The HTTP status that the exception has, if any."""
    message: str = ""


def environment_of(home: Path, more: Mapping[str, str], *paths: Path) -> dict[str, str]:
    """Returns the environment of a client, which inherits nothing."""
    path = os.pathsep.join([*map(str, paths), "/usr/local/bin", "/usr/bin", "/bin"])
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", **more}


async def run_steps(installation: Installation, steps: Sequence[Step], base_url: str, home: Path) -> list[Outcome]:
    """Runs steps of the client's program one after the other in one process. Returns their outcomes in the same order."""
    if installation.client.language is Language.PYTHON:
        command = [str(installation.folder / "bin" / "python"), str(FOLDER / "programs" / "run_steps.py")]
    else:
        command = [npm()[0], str(installation.folder / "run_steps.mjs")]
    wanted = [(step.name, _variables(step, base_url)) for step in steps]
    sent = json.dumps({"program": installation.client.program, "steps": wanted})
    ended = await run(command, environment_of(home, {}), home, sent)
    assert ended.status == 0, str(ended)
    line = ended.output.strip().rpartition("\n")[2]
    assert line.startswith("["), str(ended)
    return [_outcome(fields) for fields in json.loads(line)]


async def run(command: Sequence[str], environment: Mapping[str, str], folder: Path, sent: str = "") -> Ended:
    """Runs a command to its end, with `sent` as its input. Ends its whole process group if it takes too long.

    Raises:
        TimeoutError: it took too long.
    """
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=dict(environment), start_new_session=True,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(TIMEOUT_S):
            output, errors = await process.communicate(sent.encode())
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Ended(process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace"))


def _variables(step: Step, base_url: str) -> dict[str, str]:
    model = {"MEGAROUTER_MODEL": step.model} if step.model else {}
    return {"MEGAROUTER_BASE_URL": base_url, "MEGAROUTER_API_KEY": step.key, **model}


def _outcome(fields: Mapping[str, Any]) -> Outcome:
    raised = tuple(name for name in fields.get("raised", ()) if name)
    return Outcome(fields.get("returned"), raised, fields.get("status"), fields.get("message", ""))
