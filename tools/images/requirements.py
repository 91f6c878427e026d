"""Writes the lists of packages that the images install, with the hash of every file, in pip's form.

Run it as `.venv/bin/python -m tools.images.requirements` after a change of uv.lock. A test compares the lists with the lock.
"""

import re
import subprocess
from pathlib import Path
from typing import Final

from deploy.local.toolchain.paths import Repository
from deploy.local.toolchain.uv import obtain_uv

REPOSITORY: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = REPOSITORY / "deploy" / "images" / "requirements"
LISTS: Final = {
    "services": ("--no-default-groups", "--group", "envoy-configuration", "--no-emit-project"),
    "code-generation": ("--only-group", "code-generation"),
    "envoy": ("--only-group", "envoy-binary"),
    "envoy-module": ("--only-group", "envoy-module"),
}
"""The options of `uv export` by the name of a list."""
LAST: Final = "opentelemetry-proto"
"""xds-protos ships an old copy of this package's files, so it is installed once more, after all others."""
_HEAD: Final = "# Made of uv.lock by `python -m tools.images.requirements`. Do not edit.\n"


def wanted() -> dict[str, str]:
    """Returns the text of each list by the name of its file."""
    uv = str(obtain_uv(Repository(REPOSITORY)))
    texts = {name: _exported(uv, options) for name, options in LISTS.items()}
    texts["services-last"] = _only(LAST, texts["services"])
    return {f"{name}.txt": _HEAD + text for name, text in texts.items()}


def _exported(uv: str, options: tuple[str, ...]) -> str:
    command = [uv, "export", "--frozen", "--quiet", "--no-header", "--no-annotate", *options]
    return subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout


def _only(package: str, text: str) -> str:
    """Returns the entry of one package with its hashes."""
    [entry] = re.findall(rf"^{re.escape(package)}==.*(?:\n    .*)*\n", text, re.MULTILINE)
    return str(entry)


def main() -> None:
    """Writes all lists."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in wanted().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
