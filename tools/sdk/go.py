"""Builds the Go client: a module, in a folder that Go reads as a module proxy."""

import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from deploy.local.stack.layout import REPOSITORY
from deploy.local.toolchain.lock import exclusive
from tools.protos.descriptors import compiled, own_files
from tools.sdk.languages import generate_language
from tools.sdk.running import PACKAGES, SDK, ClientError, run, version
from tools.sdk.services import go_services, services
from tools.sdk.toolchains import GO

FOLDER: Final = SDK / "go"
MODULE: Final = "megarouter.internal/megarouter"
PROXY: Final = PACKAGES / "go"
GENERATED: Final = ("admin", "type", "services.go")
"""What `generate` writes into the folder of the client."""
_FIXED_TIME: Final = (1980, 1, 1, 0, 0, 0)


def build() -> Path:
    """Generates the code and packs the module. Returns its zip file.

    Raises:
        ClientError: a program is missing, or a step failed.
    """
    GO.require()
    with exclusive(REPOSITORY / ".tools" / "sdk-lock"):
        generate()
        unformatted = run(["gofmt", "-l", *(str(path) for path in sources())], os.environ).split()
        if unformatted:
            raise ClientError(f"gofmt would change {', '.join(unformatted)}: run gofmt -w on it")
        return _pack()


def generate() -> None:
    """Replaces the generated code."""
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".generating-") as folder:
        fresh = Path(folder)
        generate_language("go", fresh)
        listed = go_services(MODULE, services(own_files(compiled())))
        (fresh / "services.go").write_text(listed, encoding="utf-8")
        run(["gofmt", "-w", str(fresh / "services.go")], os.environ)
        for name in GENERATED:
            stale = FOLDER / name
            if stale.is_dir():
                shutil.rmtree(stale)
            made = fresh / name if name.endswith(".go") else fresh / "megarouter" / name
            made.replace(stale)


def sources() -> list[Path]:
    """Returns the client's own Go files, without generated ones."""
    return sorted(path for path in FOLDER.rglob("*.go") if path.relative_to(FOLDER).parts[0] not in GENERATED)


def _pack() -> Path:
    """Writes the files of a module proxy: https://go.dev/ref/mod#goproxy-protocol."""
    number = f"v{version()}"
    place = PROXY / MODULE / "@v"
    shutil.rmtree(PROXY, ignore_errors=True)
    place.mkdir(parents=True)
    (place / "list").write_text(f"{number}\n", encoding="utf-8")
    (place / f"{number}.info").write_text(json.dumps({"Version": number}), encoding="utf-8")
    shutil.copy(FOLDER / "go.mod", place / f"{number}.mod")
    archive = place / f"{number}.zip"
    files = [path for path in sorted(FOLDER.rglob("*")) if path.is_file()]
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in [*files, REPOSITORY / "LICENSE"]:
            name = path.name if path.name == "LICENSE" else path.relative_to(FOLDER).as_posix()
            packed.writestr(zipfile.ZipInfo(f"{MODULE}@{number}/{name}", _FIXED_TIME), path.read_bytes())
    return archive
