"""The folder with rules, which is read again when a file in it changes."""

import asyncio
import logging
from pathlib import Path
from typing import Final

from ratelimit_service.rules import MAX_FILE_BYTES, Rules, RulesError, parse_rules

logger = logging.getLogger(__name__)

MAX_FILES: Final = 256
_LOOK_INTERVAL_S: Final = 1.0
_SUFFIXES: Final = frozenset({".yaml", ".yml"})


class RuleFiles:
    """The rules in a folder's files. Without a folder there are none."""

    def __init__(self, folder: Path | None, *, merges_domains: bool = False) -> None:
        """Reads the folder.

        Raises:
            RulesError: the rules cannot be used.
        """
        self._folder = folder
        self._merges_domains = merges_domains
        self._stamp = _stamp(folder)
        self.rules: Rules | None = None if folder is None else _read(folder, merges_domains)

    async def keep_reading(self) -> None:
        """Reads changed files until canceled. If the new rules cannot be used, the previous ones stay."""
        while True:
            await asyncio.sleep(_LOOK_INTERVAL_S)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Reads the folder again if a file in it changed."""
        if self._folder is None:
            return
        stamp = _stamp(self._folder)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.rules = _read(self._folder, self._merges_domains)
            logger.info("loaded the rules", extra={"domains": len(self.rules.domains)})
        except RulesError as error:
            logger.error("cannot load the changed rules; the previous ones stay", extra={"error": str(error)})  # noqa: TRY400


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and not path.name.startswith("."))
    except OSError as error:
        raise RulesError(f"cannot read {folder}: {error.strerror}") from error


def _stamp(folder: Path | None) -> tuple[object, ...]:
    """Returns a value that changes when a file or the target of a link changes."""
    if folder is None:
        return ()
    try:
        states = [(path.name, path.stat()) for path in _files(folder)]
    except (OSError, RulesError):
        return ("unreadable",)
    return tuple((name, state.st_ino, state.st_size, state.st_mtime_ns) for name, state in states)


def _read(folder: Path, merges_domains: bool) -> Rules:  # noqa: FBT001 - as in the constructor
    files = _files(folder)
    if len(files) > MAX_FILES:
        raise RulesError(f"{folder} must have at most {MAX_FILES} files")
    texts = {}
    for path in files:
        try:
            with path.open("rb") as file:
                texts[path.name] = file.read(MAX_FILE_BYTES + 1).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise RulesError(f"cannot read {path.name}: {type(error).__name__}") from error
    return parse_rules(texts, merges_domains=merges_domains)
