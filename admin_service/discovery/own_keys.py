"""The files of the keys that organizations have at providers themselves. Envoy's module reads them.

A file never changes, because every new key has another id. So a file is written once, before any call carries its key, and removed
some time after the last call could.
"""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway_core.model.deployments.live_configuration import OWN_KEYS_FOLDER

KEPT_S: Final = 15.0
"""How long a file stays that no call should need anymore. Within this, every authz_service has heard of the change."""


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key that calls of one organization carry."""

    credential: str
    """Its id."""
    organization: str
    secret: str = field(repr=False)


class OwnKeyFiles:
    """Keeps a folder equal to what the database says."""

    def __init__(self, folder: Path, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """Prepares the work.

        Args:
            folder: the one that Envoy and this service share.
            monotonic_s: a clock that only runs forward.
        """
        self._folder = folder / OWN_KEYS_FOLDER
        self._monotonic_s = monotonic_s
        self._unwanted_since_s: dict[str, float] = {}

    def write(self, wanted: Iterable[OwnKey]) -> None:
        """Writes the files that are missing, and removes those that have not been wanted for a while.

        Raises:
            OSError: a file cannot be written.
        """
        keys = {one.credential: one for one in wanted}
        if not keys and not self._folder.exists():
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        present = {file.name for file in self._folder.iterdir()}
        for credential in keys.keys() - present:
            self._write(keys[credential])
        now_s = self._monotonic_s()
        self._unwanted_since_s = {name: self._unwanted_since_s.get(name, now_s) for name in present - keys.keys()}
        for name, since_s in self._unwanted_since_s.items():
            if now_s - since_s >= KEPT_S:
                (self._folder / name).unlink(missing_ok=True)

    def _write(self, key: OwnKey) -> None:
        """Writes a file with mode 0600. Envoy never sees a part of it, because a name with a dot is no id."""
        path = self._folder / key.credential
        partial = path.with_name(path.name + ".partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{key.organization}\n{key.secret}")
            if os.geteuid() == 0:  # Envoy may run as another user, who owns the shared folder
                owner = self._folder.parent.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
                os.chown(self._folder, owner.st_uid, owner.st_gid)
        partial.replace(path)
