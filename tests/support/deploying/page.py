"""The commands of the page about Kubernetes, and what they create."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, Final

from deploy.local.stack.layout import REPOSITORY
from tests.support.deploying.programs import programs

PAGE: Final = REPOSITORY / "docs" / "guides" / "kubernetes.md"
_PROCESSES: Final = ("authz", "ratelimit", "usage", "admin", "notification", "migration")
"""Each has a certificate of its own; the page shows the command for the first one."""
_GIVEN: Final = ("owner-password", "redis-password", "smtp-password", "OPENAI_API_KEY", "ANTHROPIC_API_KEY")
"""The files that a reader has."""
_MAPS: Final = ("catalog.yaml", "identity-providers.yaml", "ca.crt", "client-ca.crt")


def text() -> str:
    """Returns the page."""
    return PAGE.read_text(encoding="utf-8")


def shell_lines(*programs_wanted: str) -> list[str]:
    """Returns the lines of the page's shell blocks that begin with one of these programs."""
    blocks = re.findall(r"```sh\n(.*?)```", text(), re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.split()[0] in programs_wanted]


def creations() -> list[str]:
    """Returns every command of the page that creates a Secret or a ConfigMap, also those in tables."""
    found = re.findall(r"kubectl --namespace megarouter create (?:secret|configmap) [^`|\n]*", text())
    commands = dict.fromkeys(command.replace("--dry-run=client --output yaml", "").strip() for command in found)
    of_first = [command for command in commands if "megarouter-authz-certificate" in command]
    more = [command.replace("authz", process) for command in of_first for process in _PROCESSES]
    return list(dict.fromkeys([*commands, *more]))


def write_files(folder: Path) -> str:
    """Runs the commands of the page that write secrets. Returns what they say."""
    for name in _GIVEN:
        (folder / name).write_text(f"a value of {name}", encoding="utf-8")
    for name in _MAPS:
        (folder / name).write_text("a file\n", encoding="utf-8")
    script = "\n".join(["set -eu", *shell_lines("for", "printf"), ""])
    database = next(iter(re.findall(r"^database=.*$", text(), re.MULTILINE)))
    done = subprocess.run(
        ["sh", "-c", f"{database}\n{script}"], cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout + done.stderr


def created(folder: Path, command: str) -> dict[str, Any]:
    """Returns the manifest that a command of the page makes of the files in the folder."""
    _, *arguments = shlex.split(command)
    done = subprocess.run(
        [str(programs().kubectl), *arguments, "--dry-run=client", "--output", "json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    manifest: dict[str, Any] = json.loads(done.stdout)
    return manifest
