"""Writes a token into the file that Envoy reads. Envoy watches the folder, and never sees a part of a token."""

import os
from pathlib import Path


def write_token(path: Path, token: str) -> None:
    """Writes the token with mode 0600, atomically replacing the one before. If root writes, the owner of the folder owns it.

    Raises:
        OSError: the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token)
        if os.geteuid() == 0:
            folder = path.parent.stat()
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
    partial.replace(path)
