"""Runs buf on the protos as protoc compiled them. Imports come from local files, never from a registry."""

import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tools.protos.descriptors import buf_image, own_files
from tools.protos.generate import SOURCES

CONFIGURATION: Final = SOURCES / "buf.yaml"
BASELINE: Final = SOURCES / "baseline.binpb"
"""The protos as they were last accepted, without comments."""
TIMEOUT_S: Final = 120.0


class BufError(Exception):
    """Buf found a problem or could not run. The message is buf's output."""


def lint(image: FileDescriptorSet) -> None:
    """Checks style and comments.

    Raises:
        BufError: with one line for each problem.
    """
    with tempfile.TemporaryDirectory() as folder:
        run("lint", _written(image, folder), "--config", CONFIGURATION)


def breaking(image: FileDescriptorSet, baseline: Path = BASELINE) -> None:
    """Checks that clients generated from the baseline still work with the current protos.

    Raises:
        BufError: with one line for each problem.
    """
    imports = [file for file in image.file if not file.package.startswith("megarouter.")]
    before = FileDescriptorSet(file=[*imports, *FileDescriptorSet.FromString(baseline.read_bytes()).file])
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as past:
        run("breaking", _written(image, folder), "--against", _written(before, past), "--config", CONFIGURATION)


def accept(image: FileDescriptorSet, baseline: Path = BASELINE) -> None:
    """Makes the current protos the baseline."""
    files = FileDescriptorSet(file=[file.descriptor for file in own_files(image)])
    for file in files.file:
        file.ClearField("source_code_info")
    baseline.write_bytes(files.SerializeToString(deterministic=True))


def generate(image: FileDescriptorSet, template: str, out: Path, environment: dict[str, str]) -> None:
    """Runs the plugins of a template, which is YAML or JSON in the form of `buf.gen.yaml`.

    Raises:
        BufError: a plugin is missing or failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        written = _written(image, folder)
        run("generate", written, "--template", template, "--output", out, environment=environment)


def run(*arguments: str | Path, environment: dict[str, str] | None = None) -> None:
    """Runs a buf command.

    Raises:
        BufError: its exit status is not 0.
    """
    command = [Path(sysconfig.get_path("scripts")) / "buf", *arguments]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=SOURCES, env=environment, timeout=TIMEOUT_S
    )
    if result.returncode != 0:
        raise BufError((result.stdout + result.stderr).strip())


def _written(image: FileDescriptorSet, folder: str) -> Path:
    path = Path(folder) / "image.binpb"
    path.write_bytes(buf_image(image))
    return path
