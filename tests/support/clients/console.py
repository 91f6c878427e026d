"""The programs with which the console is tested."""

import os
import shutil
import subprocess
from collections.abc import Mapping

from tools.console.building import CONSOLE, tool
from tools.sdk import node_environment

CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "needs Chromium. On Debian, run: apt-get install --no-install-recommends chromium"


def run_tests(*arguments: str, variables: Mapping[str, str] | None = None, timeout_s: float = 600) -> None:
    """Runs vitest, and fails with its output."""
    environment = {**node_environment(), **(variables or {}), "NO_COLOR": "1"}
    environment.pop("FORCE_COLOR", None)
    command = [*tool("vitest"), "run", *arguments]
    result = subprocess.run(
        command, cwd=CONSOLE, env=environment, capture_output=True, text=True, check=False, timeout=timeout_s
    )
    assert result.returncode == 0, result.stdout + result.stderr


def dumped_page(address: str, profile: os.PathLike[str]) -> str:
    """Returns the elements of a page as Chromium has them after its scripts have run."""
    assert CHROMIUM is not None
    options = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={os.fspath(profile)}")
    command = [CHROMIUM, *options, "--virtual-time-budget=20000", "--timeout=50000", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
