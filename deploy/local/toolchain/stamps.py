"""Stamps: small files that say what an environment or generated code was made from."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


def fingerprint(files: Iterable[Path], facts: Iterable[str]) -> str:
    """A hash of the contents of files and of facts about the machine, in the order given."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    for fact in facts:
        digest.update(f"{fact}\0".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Stamp:
    """What something was made from, and which optional parts it has."""

    source: str
    parts: frozenset[str]

    def covers(self, source: str, parts: frozenset[str]) -> bool:
        """Whether what carries this stamp needs no work."""
        return self.source == source and parts <= self.parts


def read_stamp(path: Path) -> Stamp | None:
    """The stamp in a file; None when there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Stamp(str(content["source"]), frozenset(map(str, content["parts"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_stamp(path: Path, stamp: Stamp) -> None:
    """Writes the stamp, as the last step of making what it describes."""
    path.write_text(json.dumps({"source": stamp.source, "parts": sorted(stamp.parts)}) + "\n", encoding="utf-8")
