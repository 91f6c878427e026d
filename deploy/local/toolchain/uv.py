"""Finds uv, or installs it into the repository's tool folder."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from deploy.local.toolchain.paths import Repository
from deploy.local.toolchain.progress import BootstrapError, run, say

# Debian's python3 package lacks ensurepip. But pip's wheel runs without being installed.
PIP_WHEEL = "pip-26.3-py3-none-any.whl"
PIP_WHEEL_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
PIP_WHEEL_URL = (
    "https://files.pythonhosted.org/packages/07/25/ee8c38ae72d66b844ce8eb9711ba905dba21ca1a8a0c960057c41cd23337/"
    + PIP_WHEEL
)
DOWNLOAD_TIMEOUT_S = 60.0


def find_uv(repository: Repository) -> Path | None:
    """Returns the uv on PATH, otherwise the private one, otherwise None. Ignores a uv on PATH that does not run."""
    found = shutil.which("uv")
    if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
        return Path(found)
    private = repository.uv_environment / "bin" / "uv"
    return private if private.exists() else None


def obtain_uv(repository: Repository) -> Path:
    """Returns the path of a uv that runs. Installs a private one if there is none.

    Raises:
        BootstrapError: uv could not be installed.
    """
    found = find_uv(repository)
    if found:
        return found
    say("installing uv into .tools/uv")
    target = repository.uv_environment
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(exist_ok=True)
    if importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv"):
        _install_with_venv(repository, target)
    else:
        _install_with_pip_wheel(repository, target)
    installed = find_uv(repository)
    if installed is None:
        raise BootstrapError("uv was installed but is not in .tools/uv/bin: remove .tools/uv and try again")
    return installed


def _install_with_venv(repository: Repository, target: Path) -> None:
    failure = "could not install uv: check that the package index is reachable, or install uv yourself, and try again"
    run([sys.executable, "-m", "venv", target], "could not create .tools/uv", repository.root, os.environ)
    run([target / "bin" / "python", "-m", "pip", "install", "uv"], failure, repository.root, os.environ)


def _install_with_pip_wheel(repository: Repository, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / PIP_WHEEL
        wheel.write_bytes(_download_pip())
        run(
            [sys.executable, wheel / "pip", "install", "--target", target, "--no-compile", "uv"],
            "could not install uv: install uv, or Debian's python3-venv, and try again",
            repository.root,
            os.environ,
        )


def _download_pip() -> bytes:
    advice = "this Python has no ensurepip: run `apt-get install python3-venv`, or install uv, and try again"
    try:
        with urllib.request.urlopen(PIP_WHEEL_URL, timeout=DOWNLOAD_TIMEOUT_S) as answer:
            content: bytes = answer.read()
    except OSError as error:
        raise BootstrapError(f"{advice} (pip could not be downloaded: {error})") from error
    if hashlib.sha256(content).hexdigest() != PIP_WHEEL_SHA256:
        raise BootstrapError(f"{advice} (the downloaded pip has the wrong checksum)")
    return content
