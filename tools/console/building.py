"""Builds the web console: the code of its client from the protos, its packages from the lock file, then the bundle by Vite."""

import json
from pathlib import Path
from typing import Final

from deploy.local.stack.layout import REPOSITORY
from deploy.local.toolchain.lock import exclusive
from deploy.local.toolchain.stamps import fingerprint
from tools.sdk.packages import generate_typescript, install_node_packages
from tools.sdk.running import NODE, TYPESCRIPT, node_environment, run

CONSOLE: Final = REPOSITORY / "console"
BUILD: Final = CONSOLE / "dist"
SOURCE_FILE: Final = "source.json"
"""Says from which sources a build was made."""
_SOURCES: Final = (
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "lingui.config.ts",
    "tsconfig.json",
)


def source_of_build() -> str:
    """Returns a fingerprint of the console's own sources and of the client's.

    The code generated from the protos is not in it: a change there changes few builds, and a test that builds again finds those.
    """
    files = [CONSOLE / name for name in _SOURCES]
    files += sorted((CONSOLE / "plugins").glob("*.ts"))
    files += sorted(file for file in (CONSOLE / "src").rglob("*") if file.is_file())
    files += sorted((TYPESCRIPT / "src").glob("*.ts"))
    names = [file.relative_to(REPOSITORY).as_posix() for file in files]
    return fingerprint([], [part for name in names for part in (name, (REPOSITORY / name).read_text(encoding="utf-8"))])


def prepare() -> None:
    """Makes what the console is built and checked from.

    Raises:
        ClientError: a step failed.
    """
    with exclusive(REPOSITORY / ".tools" / "sdk-lock"):
        generate_typescript()
        install_node_packages(CONSOLE)


def build(folder: Path) -> int:
    """Builds the console into `folder`, and returns its size in bytes.

    Raises:
        ClientError: a step failed.
    """
    prepare()
    run([*tool("vite"), "build", "--logLevel", "warn", "--outDir", str(folder)], node_environment(), CONSOLE)
    document = json.dumps({"source": source_of_build()}) + "\n"
    (folder / SOURCE_FILE).write_text(document, encoding="utf-8")
    return sum(file.stat().st_size for file in folder.rglob("*.gz"))


def check() -> None:
    """Checks the types of the console. Its packages must be installed: see `prepare`.

    Raises:
        ClientError: a type is wrong. The message has the lines of the compiler.
    """
    run([*tool("tsc"), "--noEmit"], node_environment(), CONSOLE)


def is_prepared() -> bool:
    """Returns whether everything is there to check the types of the console."""
    return (CONSOLE / "node_modules").is_dir() and (TYPESCRIPT / "generated").is_dir()


def tool(name: str) -> list[str]:
    """Returns the command of a program among the console's packages, for the Node version in the lock file."""
    return [str(NODE / "bin" / "node"), str(CONSOLE / "node_modules" / ".bin" / name)]
