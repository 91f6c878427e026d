"""Compiles Envoy's module when its sources or its compiler have changed, so that a start of Envoy does not wait for it."""

import os
from pathlib import Path

from deploy.local.toolchain.paths import Repository
from deploy.local.toolchain.progress import run, say
from deploy.local.toolchain.stamps import Stamp, fingerprint, read_stamp, write_stamp

_STAMP = "megarouter-stamp.json"
_COMPILE = "from megarouter_envoy.module import find_module; find_module()"


def module_source(repository: Repository, environments: str) -> str:
    """Returns a fingerprint of the module's sources, of the code that compiles them, and of the locked packages."""
    return fingerprint(_sources(repository), [environments])


def _sources(repository: Repository) -> list[Path]:
    envoy = repository.root / "envoy"
    return sorted([*(envoy / "module").glob("*.zig"), envoy / "megarouter_envoy" / "module.py"])


def module_is_current(repository: Repository, source: str) -> bool:
    """Returns whether the module was compiled from this source."""
    stamp = read_stamp(repository.compiled_module / _STAMP)
    return stamp is not None and stamp.covers(source, frozenset())


def compile_module(repository: Repository, source: str) -> None:
    """Compiles the module unless the same sources were compiled before. The name of the file identifies them.

    Raises:
        BootstrapError: the module could not be compiled.
    """
    say("compiling Envoy's module from envoy/module")
    command = [str(repository.python), "-c", _COMPILE]
    run(command, "Envoy's module could not be compiled", repository.root, dict(os.environ))
    repository.compiled_module.mkdir(parents=True, exist_ok=True)
    write_stamp(repository.compiled_module / _STAMP, Stamp(source, frozenset()))
