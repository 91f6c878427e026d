"""The folder of rules, read anew when something in it changes."""

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
    """Rules as of a folder's files. Without a folder there are none."""

    def __init__(self, folder: Path | None) -> None:
        """Reads the folder.

        Raises:
            RulesError: its rules cannot be used.
        """
        self._folder = folder
        self._stamp = _stamp(folder)
        self.rules: Rules | None = None if folder is None else _read(folder)

    async def keep_reading(self) -> None:
        """Reads what changes until cancelled. Rules that cannot be used change nothing: those of before stay."""
        while True:
            await asyncio.sleep(_LOOK_INTERVAL_S)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Reads the folder if something in it changed."""
        if self._folder is None:
            return
        stamp = _stamp(self._folder)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.rules = _read(self._folder)
            logger.info("rules read", extra={"domains": len(self.rules.domains)})
        except RulesError as error:
            logger.error("rules not read, those of before stay", extra={"error": str(error)})  # noqa: TRY400 - said


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and not path.name.startswith("."))
    except OSError as error:
        raise RulesError(f"{folder} cannot be read: {error.strerror}") from error


def _stamp(folder: Path | None) -> tuple[object, ...]:
    """What changes when a file does, or a link to one."""
    if folder is None:
        return ()
    try:
        states = [(path.name, path.stat()) for path in _files(folder)]
    except (OSError, RulesError):
        return ("unreadable",)
    return tuple((name, state.st_ino, state.st_size, state.st_mtime_ns) for name, state in states)


def _read(folder: Path) -> Rules:
    files = _files(folder)
    if len(files) > MAX_FILES:
        raise RulesError(f"{folder}: at most {MAX_FILES} files")
    texts = {}
    for path in files:
        try:
            with path.open("rb") as file:
                texts[path.name] = file.read(MAX_FILE_BYTES + 1).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise RulesError(f"{path.name} cannot be read: {type(error).__name__}") from error
    return parse_rules(texts)
