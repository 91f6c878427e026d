"""Builds the Java client: a jar with its pom, in a folder that Maven reads as a repository."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from deploy.local.stack.layout import REPOSITORY
from deploy.local.toolchain.lock import exclusive
from tools.protos.descriptors import compiled, own_files
from tools.sdk.languages import generate_language
from tools.sdk.running import PACKAGES, SDK, run, version
from tools.sdk.services import java_services, services
from tools.sdk.toolchains import JAVA, JAVA_JARS

FOLDER: Final = SDK / "java"
GENERATED: Final = FOLDER / "generated"
OWN_SOURCES: Final = FOLDER / "src" / "main" / "java"
REPOSITORY_FOLDER: Final = PACKAGES / "maven"
ARTIFACT: Final = "megarouter-admin"
_RELEASE: Final = "17"


def build() -> Path:
    """Generates the code, compiles it and packs it. Returns the jar.

    Raises:
        ClientError: a program or a library is missing, or a step failed.
    """
    JAVA.require()
    with exclusive(REPOSITORY / ".tools" / "sdk-lock"):
        generate()
        return _pack()


def generate() -> None:
    """Replaces the generated code."""
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix=".generating-") as folder:
        fresh = Path(folder) / "generated"
        generate_language("java", fresh)
        listed = java_services(services(own_files(compiled())))
        (fresh / "com" / "megarouter" / "Services.java").write_text(listed, encoding="utf-8")
        shutil.rmtree(GENERATED, ignore_errors=True)
        fresh.rename(GENERATED)


def compile_into(out: Path, sources: Sequence[Path], libraries: Iterable[Path]) -> None:
    """Compiles sources into a folder.

    Raises:
        ClientError: they do not compile.
    """
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "sources"
        listing.write_text("\n".join(map(str, sources)), encoding="utf-8")
        classpath = os.pathsep.join(map(str, libraries))
        options = [
            "--release",
            _RELEASE,
            "-encoding",
            "UTF-8",
            "-proc:none",
            "-nowarn",
            "-d",
            str(out),
            "-cp",
            classpath,
        ]
        run(["javac", *options, f"@{listing}"], os.environ)


def _pack() -> Path:
    number = version()
    place = REPOSITORY_FOLDER / "com" / "megarouter" / ARTIFACT / number
    shutil.rmtree(REPOSITORY_FOLDER, ignore_errors=True)
    place.mkdir(parents=True)
    jar = place / f"{ARTIFACT}-{number}.jar"
    with tempfile.TemporaryDirectory() as folder:
        classes = Path(folder)
        compile_into(classes, [*OWN_SOURCES.rglob("*.java"), *GENERATED.rglob("*.java")], JAVA_JARS)
        shutil.copy(REPOSITORY / "LICENSE", classes)
        run(["jar", "--create", "--file", str(jar), "-C", str(classes), "."], os.environ)
    sources = place / f"{ARTIFACT}-{number}-sources.jar"
    run(["jar", "--create", "--file", str(sources), "-C", str(OWN_SOURCES), ".", "-C", str(GENERATED), "."], os.environ)
    shutil.copy(FOLDER / "pom.xml", place / f"{ARTIFACT}-{number}.pom")
    return jar
