"""Generates Python code from protos/ when the protos or the packages that generate the code have changed."""

import os
from pathlib import Path

from deploy.local.toolchain.paths import Repository
from deploy.local.toolchain.progress import run, say
from deploy.local.toolchain.stamps import Stamp, fingerprint, read_stamp, write_stamp

_STAMP = "megarouter-stamp.json"
STUBS = "stubs"


def proto_files(repository: Repository) -> list[Path]:
    """Returns the protos and their generator in a fixed order."""
    return sorted([*repository.protos.rglob("*.proto"), repository.proto_generator])


def generated_source(repository: Repository, environments: str) -> str:
    """Returns a fingerprint of the generated code's sources, their names and the locked packages."""
    return fingerprint(proto_files(repository), [environments])


def wanted_parts(repository: Repository) -> frozenset[str]:
    """Returns the optional parts to generate: type stubs if their generator is installed."""
    return frozenset({STUBS} if (repository.environment / "bin" / "protoc-gen-mypy").exists() else ())


def generated_is_current(repository: Repository, source: str) -> bool:
    """Returns whether the generated code is complete and was made from this source."""
    stamp = read_stamp(repository.generated / _STAMP)
    return stamp is not None and stamp.covers(source, wanted_parts(repository))


def generate(repository: Repository, source: str) -> None:
    """Runs `tools/protos/generate.py`, which replaces the code in one step. A failure leaves the old code in place.

    Raises:
        BootstrapError: the protos could not be compiled.
    """
    say("generating code from protos/")
    command = [str(repository.python), str(repository.proto_generator), "--out", str(repository.generated)]
    run(command, "protos/ could not be compiled", repository.root, dict(os.environ))
    write_stamp(repository.generated / _STAMP, Stamp(source, wanted_parts(repository)))
