"""Generates Python code from protos/ whenever they, or the packages that generate it, changed."""

import os
import shutil
from pathlib import Path

from deploy.local.bootstrap.paths import Repository
from deploy.local.bootstrap.progress import run, say
from deploy.local.bootstrap.stamps import Stamp, fingerprint, read_stamp, write_stamp

_STAMP = "megarouter-stamp.json"
STUBS = "stubs"


def proto_files(repository: Repository) -> list[Path]:
    """All sources, in a fixed order."""
    return sorted(repository.protos.rglob("*.proto"))


def generated_source(repository: Repository, environments: str) -> str:
    """What the generated code is made from: names and contents of the sources, and the locked packages."""
    return fingerprint(proto_files(repository), [environments])


def wanted_parts(repository: Repository) -> frozenset[str]:
    """Type stubs are made where their generator is installed."""
    return frozenset({STUBS} if (repository.environment / "bin" / "protoc-gen-mypy").exists() else ())


def generated_is_current(repository: Repository, source: str) -> bool:
    """Whether the generated code needs no work."""
    stamp = read_stamp(repository.generated / _STAMP)
    return stamp is not None and stamp.covers(source, wanted_parts(repository))


def generate(repository: Repository, source: str) -> None:
    """Makes the code in a fresh folder and then swaps it in, so that a failure leaves the old one in place."""
    sources = proto_files(repository)
    parts = wanted_parts(repository)
    fresh = repository.tools / "gen.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(parents=True)
    if sources:
        say("generating code from protos/")
        run(
            protoc_command(repository, sources, fresh, parts),
            "protos/ could not be compiled",
            repository.root,
            {**os.environ, "PATH": f"{repository.environment / 'bin'}:{os.environ.get('PATH', '')}"},
        )
    write_stamp(fresh / _STAMP, Stamp(source, parts))
    if repository.generated.exists():
        shutil.rmtree(repository.generated)
    fresh.rename(repository.generated)


def protoc_command(repository: Repository, sources: list[Path], target: Path, parts: frozenset[str]) -> list[str]:
    """The compiler's command line."""
    outputs = ["python", "grpc_python", *(("mypy", "mypy_grpc") if STUBS in parts else ())]
    packages = next(repository.environment.glob("lib/python3*/site-packages"))
    return [
        str(repository.python),
        *("-m", "grpc_tools.protoc"),
        f"-I{repository.protos}",
        f"-I{packages}",  # google/api/*.proto, which googleapis-common-protos brings along
        *(f"--{output}_out={target}" for output in outputs),
        *map(str, sources),
    ]
