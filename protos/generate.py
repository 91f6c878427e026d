# ruff: noqa: INP001 - a script that stands beside the protos, not a package
"""Generates the Python code of the protos: `python protos/generate.py --out gen`.

Needs the standard library and grpcio-tools. Imports come from local files only: those of protoc itself and google.api from
googleapis-common-protos. Type stubs are added where mypy-protobuf is installed next to the interpreter. The same sources give
the same bytes; what no source gives any more is removed.
"""

import argparse
import importlib.util
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

from grpc_tools import protoc

SOURCES = Path(__file__).resolve().parent
GENERATED_PACKAGE = "megarouter"


def include_folders() -> list[Path]:
    """Where imports are found: our sources, protoc's own files, and google.api."""
    google = importlib.util.find_spec("google.api")
    if google is None or not google.submodule_search_locations:
        sys.exit("googleapis-common-protos is not installed: run ./dev, or `uv sync`")
    tools = Path(protoc.__file__).parent / "_proto"
    return [SOURCES, tools, *(Path(location).parents[1] for location in google.submodule_search_locations)]


def stub_plugins() -> dict[str, Path]:
    """The plugins of mypy-protobuf by the name of their output option; none where it is not installed."""
    scripts = Path(sysconfig.get_path("scripts"))
    plugins = {"mypy": scripts / "protoc-gen-mypy", "mypy_grpc": scripts / "protoc-gen-mypy_grpc"}
    return {name: path for name, path in plugins.items() if path.exists()}


def arguments(out: Path) -> list[str]:
    """The command line of protoc."""
    plugins = stub_plugins()
    return [
        "protoc",
        *(f"--proto_path={folder}" for folder in include_folders()),
        *(f"--plugin=protoc-gen-{name}={path}" for name, path in plugins.items()),
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        *(f"--{name}_out=quiet:{out}" for name in plugins),
        *(str(source.relative_to(SOURCES)) for source in sorted(SOURCES.glob("megarouter/**/*.proto"))),
    ]


def generate(out: Path) -> None:
    """Replaces the generated package in one step, so that a failure leaves the old one."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".generating-") as folder:
        fresh = Path(folder)
        if protoc.main(arguments(fresh)) != 0:
            sys.exit("protoc refused the protos")
        for package in sorted({path.parent for path in fresh.rglob("*.py")}):
            _mark_packages(package, fresh)
        target = out / GENERATED_PACKAGE
        if target.exists():
            shutil.rmtree(target)
        (fresh / GENERATED_PACKAGE).rename(target)


def _mark_packages(package: Path, root: Path) -> None:
    while package != root:
        (package / "__init__.py").touch()
        package = package.parent


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Generates the Python code of the protos.")
    parser.add_argument("--out", type=Path, required=True, help="folder that gets the package `megarouter`")
    generate(parser.parse_args().out.resolve())


if __name__ == "__main__":
    main()
