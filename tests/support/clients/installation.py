"""Installs third-party clients below `.tools/clients`, each in an environment of its own, and keeps them for the next run."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

from deploy.local.toolchain.lock import exclusive
from deploy.local.toolchain.paths import Repository
from deploy.local.toolchain.progress import BootstrapError
from deploy.local.toolchain.stamps import Stamp, fingerprint, read_stamp, write_stamp
from deploy.local.toolchain.uv import obtain_uv
from tests.support.clients.table import FOLDER, Client, Language
from tests.support.repository import ROOT
from tools import sdk as node

INSTALL_TIMEOUT_S: Final = 300.0
_REPOSITORY: Final = Repository(ROOT)
_INSTALLATIONS: Final = _REPOSITORY.tools / "clients"
_STAMP: Final = "megarouter-stamp.json"


class NotInstalledError(Exception):
    """A client could not be installed. The message says why."""


@dataclass(frozen=True)
class Installation:
    """An installed client."""

    client: Client
    folder: Path

    @property
    def versions(self) -> dict[str, str]:
        """The installed version of each package that the table names."""
        names = [_package(requirement) for requirement in self.client.requirements]
        read = _version_on_python if self.client.language is Language.PYTHON else _version_on_node
        return {name: read(self.folder, name) for name in names}

    @property
    def commands(self) -> Path:
        """The folder of the client's commands."""
        return self.folder / ("bin" if self.client.language is Language.PYTHON else "node_modules/.bin")


def installed(client: Client) -> Installation:
    """Installs a client unless it is there.

    Raises:
        NotInstalledError: it cannot be installed here.
    """
    folder = _INSTALLATIONS / str(client)
    source = fingerprint([], [str(folder), sys.version, client.python or "", *client.requirements])
    with exclusive(_INSTALLATIONS / "lock"):
        stamp = read_stamp(folder / _STAMP)
        if stamp is None or not stamp.covers(source, frozenset()):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            if client.language is Language.PYTHON:
                _install_on_python(client, folder)
            else:
                _install_on_node(client, folder)
            write_stamp(folder / _STAMP, Stamp(source, frozenset()))
        if client.language is Language.NODE:
            _copy_programs(folder)
    return Installation(client, folder)


def _install_on_python(client: Client, folder: Path) -> None:
    try:
        uv = str(obtain_uv(_REPOSITORY))
    except BootstrapError as error:
        raise NotInstalledError(str(error)) from error
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    _run([uv, "venv", "--quiet", "--python", client.python or sys.executable, str(folder)], environment, folder)
    install = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python")]
    _run([*install, *client.requirements], environment, folder)


def _install_on_node(client: Client, folder: Path) -> None:
    (folder / "package.json").write_text('{"type": "module", "private": true}', encoding="utf-8")
    install = [*node.npm(), "install", "--no-fund", "--no-audit", "--prefer-offline", "--loglevel=error"]
    _run([*install, *client.requirements], node.node_environment(), folder)


def _copy_programs(folder: Path) -> None:
    """Copies the programs next to the packages, because Node looks for packages from the folder of a module upwards."""
    for program in (FOLDER / "programs").glob("*.mjs"):
        shutil.copyfile(program, folder / program.name)


def _run(command: list[str], environment: dict[str, str], folder: Path) -> None:
    try:
        result = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(f"{Path(command[0]).name} took longer than {INSTALL_TIMEOUT_S:.0f} s") from error
    if result.returncode != 0:
        raise NotInstalledError(_last_line(result.stderr) or f"{Path(command[0]).name} failed: {result.returncode}")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-3:])


def _package(requirement: str) -> str:
    """Returns the name in `openai>=3` or `@openai/codex@>=0.1`."""
    found = re.match(r"@?[\w./-]+", requirement)
    assert found is not None, requirement
    return found[0]


def _version_on_python(folder: Path, name: str) -> str:
    pattern = f"lib/python3*/site-packages/{name.replace('-', '_')}-*.dist-info/METADATA"
    metadata = next(folder.glob(pattern)).read_text(encoding="utf-8")
    return str(HeaderParser().parsestr(metadata, headersonly=True)["version"])


def _version_on_node(folder: Path, name: str) -> str:
    package = (folder / "node_modules" / name / "package.json").read_text(encoding="utf-8")
    return str(json.loads(package)["version"])
