"""Earlier releases: their files from the history, and their programs in an installation of their own."""

import json
import os
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.local.stack.environment import inherited, parse_environment
from deploy.local.toolchain.lock import exclusive
from tests.support.repository import GOLDEN, ROOT

_FOLDER: Final = ROOT / ".tools" / "releases"
START_TIMEOUT_S: Final = 600
"""The first start installs the release: its packages, its Envoy and the compiler of its module."""
STOP_TIMEOUT_S: Final = 120


@dataclass(frozen=True)
class Release:
    """A release to upgrade from."""

    version: str
    commit: str
    schema: str
    """The name of its newest migration."""

    @property
    def is_in_history(self) -> bool:
        """Whether the history of the checkout reaches back to it."""
        command = ["git", "-C", str(ROOT), "cat-file", "-e", f"{self.commit}^{{commit}}"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def checkout(self) -> Path:
        """Returns a folder with the files of the release. Writes them if they are not there."""
        _FOLDER.mkdir(parents=True, exist_ok=True)
        folder = _FOLDER / self.version
        with exclusive(_FOLDER / "lock"):
            if not (folder / "dev").exists():
                archive = subprocess.run(
                    ["git", "-C", str(ROOT), "archive", self.commit], capture_output=True, check=True
                ).stdout
                with tarfile.open(fileobj=BytesIO(archive)) as files:
                    files.extractall(folder, filter="data")
        return folder


RELEASES: Final = [Release(**entry) for entry in yaml.safe_load((GOLDEN / "releases.yaml").read_text("utf-8"))]


class ReleasedStack:
    """A stack that a release runs with its own programs."""

    def __init__(self, release: Release, home: Path, port_base: int, settings: Mapping[str, str]) -> None:
        self.home = home
        self.port_base = port_base
        self._folder = release.checkout()
        self._settings = settings

    def start(self) -> None:
        """Starts everything and waits until it is ready."""
        self._dev(START_TIMEOUT_S, "up", "--detach", "--home", str(self.home), "--port-base", str(self.port_base))

    def stop(self) -> None:
        """Stops everything. Does nothing if nothing runs."""
        self._dev(STOP_TIMEOUT_S, "down", "--home", str(self.home))

    def signal(self, name: str, number: int) -> None:
        """Sends a signal to a process."""
        state = json.loads((self.home / "state.json").read_text("utf-8"))
        [process] = [process for process in state["processes"] if process["name"] == name]
        os.kill(process["identity"]["pid"], number)

    @property
    def environment(self) -> dict[str, str]:
        """The variables in `HOME/env`."""
        return parse_environment((self.home / "env").read_text("utf-8"))

    @property
    def demo(self) -> dict[str, Any]:
        """The demo organization with its keys and its token."""
        content: dict[str, Any] = json.loads((self.home / "demo.json").read_text("utf-8"))
        return content

    def _dev(self, timeout_s: float, *arguments: str) -> None:
        environment = {**inherited(os.environ), **self._settings}
        done = subprocess.run(
            [str(self._folder / "dev"), *arguments],
            cwd=self._folder, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
