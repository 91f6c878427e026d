"""Writes files that hold secrets: created with mode 0600 and replaced atomically."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replaces a file atomically with one that only its owner can read. Readers see the old or the new content."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
