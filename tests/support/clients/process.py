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

TIMEOUT_S = 90.0
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
class Outcome:
    """What a step of a program returned, or how it failed."""

    returned: Any = None
    raised: tuple[str, ...] = ()
    """The class of the exception and its base classes, the most special first."""
    status: int | None = None
    """The HTTP status that the exception has, if any."""
    message: str = ""


@dataclass(frozen=True)
class Caller:
    """What a client knows: the address of the gateway and a key. `home` is its home directory."""

    base_url: str
    key: str
    home: Path

    def environment(self, more: Mapping[str, str], *paths: Path) -> dict[str, str]:
        path = os.pathsep.join([*map(str, paths), "/usr/local/bin", "/usr/bin", "/bin"])
        return {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", **more}


async def run_step(installation: Installation, step: str, caller: Caller, model: str | None = None) -> Outcome:
    """Runs one step of the client's program. `model` replaces the model that it names."""
    client = installation.client
    variables = {"MEGAROUTER_BASE_URL": caller.base_url, "MEGAROUTER_API_KEY": caller.key}
    if model is not None:
        variables["MEGAROUTER_MODEL"] = model
    if client.language is Language.PYTHON:
        runner = [str(installation.folder / "bin" / "python"), str(FOLDER / "programs" / "run_step.py")]
    else:
        runner = [npm()[0], str(installation.folder / "run_step.mjs")]
    ended = await run([*runner, client.program, step], caller.environment(variables), caller.home)
    line = ended.output.strip().rpartition("\n")[2]
    assert ended.status == 0, str(ended)
    assert line.startswith("{"), str(ended)
    fields = json.loads(line)
    return Outcome(
        fields.get("returned"), tuple(fields.get("raised", ())), fields.get("status"), fields.get("message", "")
    )


async def run(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Ended:
    """Runs a command to its end, without input. Ends its whole process group if it takes too long.

    Raises:
        TimeoutError: it took too long.
    """
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=dict(environment), start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(TIMEOUT_S):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Ended(process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace"))
