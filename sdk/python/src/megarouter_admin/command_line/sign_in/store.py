"""Stores one sign-in for each address of the admin API: the secrets in the system's keyring, or in a private file."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from megarouter_admin.channels import target_of
from megarouter_admin.command_line.command_errors import CommandError
from megarouter_admin.command_line.sign_in import keyrings
from megarouter_admin.command_line.sign_in.files import locked, private_folder, read_private, write_private
from megarouter_admin.command_line.sign_in.records import Record, read, written

_LOCK_TIMEOUT_S: Final = 45.0


def config_folder(environment: Mapping[str, str], home: Path) -> Path:
    """Returns the folder of stored sign-ins: `megarouter` in XDG_CONFIG_HOME, otherwise in `~/.config`."""
    base = environment.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else home / ".config") / "megarouter"


@dataclass(frozen=True)
class SignInStore:
    """The stored sign-in of one address."""

    folder: Path
    url: str
    """The address of the admin API. Its token is sent to no other."""
    keyring: Callable[[], Any | None] = keyrings.system_keyring
    """Returns the keyring of the system, if there is one."""

    @property
    def key(self) -> str:
        """The address in its shortest form, so that different spellings find the same sign-in."""
        target, is_encrypted = target_of(self.url)
        return f"{'https' if is_encrypted else 'http'}://{target}"

    @property
    def file(self) -> Path:
        """The file of the sign-in."""
        return self.folder / f"{quote(self.key, safe='')}.json"

    @property
    def is_used(self) -> bool:
        """Whether anything is stored, as far as this user can see."""
        return os.path.lexists(self.file)

    def load(self) -> Record:
        """Returns what is stored; an empty record if nothing is.

        Raises:
            CommandError: the file is not private or not readable.
        """
        text = read_private(self.file)
        if text is None:
            return Record()
        private_folder(self.folder)
        try:
            record = read(text)
        except ValueError as malformed:
            raise CommandError(
                f"{self.file} is not a stored sign-in: {malformed}. Remove it, then sign in again"
            ) from malformed
        if record.sign_in is not None and record.secrets is None:
            backend = self.keyring()
            return replace(record, secrets=keyrings.fetch(backend, self.key) if backend else None)
        return record

    def save(self, record: Record) -> str:
        """Stores a record in place of what was there, and returns where its secrets are.

        Raises:
            CommandError: the folder is not private, or the file cannot be written.
        """
        private_folder(self.folder)
        backend = self.keyring()
        if backend and record.secrets is not None and keyrings.keep(backend, self.key, record.secrets):
            write_private(self.file, written(replace(record, secrets=None)))
            return "the keyring of the system"
        if backend:
            keyrings.forget(backend, self.key)
        write_private(self.file, written(record))
        return str(self.file)

    def remove(self, record: Record) -> None:
        """Removes the sign-in and its secrets. Where and as what the person signed in stays, for the next time.

        Raises:
            CommandError: the file cannot be written.
        """
        backend = self.keyring()
        if backend:
            keyrings.forget(backend, self.key)
        write_private(self.file, written(Record(record.application)))

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Lets only one process at a time change the sign-in.

        Raises:
            CommandError: another process does so for too long.
        """
        with locked(private_folder(self.folder) / f"{self.file.name}.lock", _LOCK_TIMEOUT_S):
            yield


def store_for(url: str) -> SignInStore | None:
    """Returns the store of an address, or None where files cannot be made private or there is no home folder."""
    if os.name != "posix":
        return None
    try:
        home = Path.home()
    except RuntimeError:  # a user without an entry in the system's list, as in some containers
        if not os.environ.get("XDG_CONFIG_HOME"):
            return None
        home = Path("/nonexistent")
    return SignInStore(config_folder(os.environ, home), url)
