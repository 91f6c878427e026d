"""Stamps: small files that record what an environment or generated code was made from."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


def fingerprint(files: Iterable[Path], facts: Iterable[str]) -> str:
    """Returns a SHA-256, in hexadecimal, of the paths and contents of files and of facts, in the given order."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    for fact in facts:
        digest.update(f"{fact}\0".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Stamp:
    """What an environment or generated code was made from, and which optional parts it has."""

    source: str
    parts: frozenset[str]

    def covers(self, source: str, parts: frozenset[str]) -> bool:
        """Returns whether the stamp has the same source and at least these parts."""
        return self.source == source and parts <= self.parts


def read_stamp(path: Path) -> Stamp | None:
    """Returns the stamp in a file, or None if the file is missing or cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Stamp(str(content["source"]), frozenset(map(str, content["parts"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_stamp(path: Path, stamp: Stamp) -> None:
    """Writes a stamp. Call this last, after making what it describes."""
    path.write_text(json.dumps({"source": stamp.source, "parts": sorted(stamp.parts)}) + "\n", encoding="utf-8")
