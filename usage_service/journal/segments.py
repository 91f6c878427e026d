"""The files of a journal: the one that Envoy writes, and the numbered segments that were set aside from it.

`usage.log` is written. `usage.log.000007` was set aside and may hold what is not settled. `usage.log.000006.settled`
is settled to its end and kept for a while, so that a database restored to an earlier moment can be brought up again.
"""

import logging
import os
import re
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_SETTLED: Final = ".settled"
_NUMBER_DIGITS: Final = 6
_FIRST_NUMBER: Final = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """A file that was set aside."""

    number: int
    path: Path
    is_settled: bool


class JournalSegments:
    """The files beside one journal. All methods block, and raise `OSError` where the directory does."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self._pattern = re.compile(rf"{re.escape(journal.name)}\.(\d{{{_NUMBER_DIGITS},}})({re.escape(_SETTLED)})?")

    def listed(self) -> list[Segment]:
        """All segments, oldest first."""
        matches = ((path, self._pattern.fullmatch(path.name)) for path in self._files())
        segments = [Segment(int(match[1]), path, match[2] is not None) for path, match in matches if match]
        return sorted(segments, key=lambda segment: segment.number)

    def beside(self) -> list[Path]:
        """Every file whose name begins with the journal's: also where another program may have moved it."""
        name = self.journal.name
        return sorted(path for path in self._files() if path.name.startswith(name) and path.name != name)

    def set_aside(self) -> None:
        """Gives the journal's file a number. Whoever has it open goes on writing to it."""
        numbers = [segment.number for segment in self.listed()]
        number = max(numbers, default=_FIRST_NUMBER - 1) + 1
        self.journal.rename(self.journal.with_name(f"{self.journal.name}.{number:0{_NUMBER_DIGITS}}"))

    def retire_before(self, inode: int, keep: int) -> None:
        """Marks what comes before a file as settled, and deletes what is settled but for the newest.

        Args:
            inode: of the journal or a segment; a position in it must be stored already.
            keep: how many settled segments stay.
        """
        for segment in self._before(inode):
            if not segment.is_settled:
                segment.path.rename(segment.path.with_name(segment.path.name + _SETTLED))
                logger.info("journal segment is settled", extra={"segment": segment.path.name})
        settled = [segment for segment in self.listed() if segment.is_settled]
        for segment in settled[: max(0, len(settled) - keep)]:
            segment.path.unlink(missing_ok=True)

    def following(self, inode: int) -> Path:
        """What is read after a file: the next segment, or the journal; after the journal nothing but itself."""
        if inode_of(self.journal) == inode:
            return self.journal
        segments = self.listed()
        for index, segment in enumerate(segments):
            if inode_of(segment.path) == inode:
                return segments[index + 1].path if index + 1 < len(segments) else self.journal
        return self.first()

    def first(self) -> Path:
        """Where reading begins when nothing is known: the oldest segment that is not settled, or the journal."""
        return next((segment.path for segment in self.listed() if not segment.is_settled), self.journal)

    def _before(self, inode: int) -> list[Segment]:
        segments = self.listed()
        if inode_of(self.journal) == inode:
            return segments
        place = next((index for index, segment in enumerate(segments) if inode_of(segment.path) == inode), 0)
        return segments[:place]

    def _files(self) -> list[Path]:
        try:
            return list(self.journal.parent.iterdir())
        except FileNotFoundError:
            return []


def inode_of(path: Path) -> int | None:
    """None for a file that is not there."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def journal_name(journal: Path) -> str:
    """A name of this journal that no other of the deployment has, kept beside it, whatever its path and machine are.

    Where it cannot be written the path must do.

    Raises:
        FileNotFoundError: the journal's directory does not exist.
    """
    file = journal.with_name(f"{journal.name}.name")
    try:
        if not file.exists():
            # Written whole, then named: another process sees all of it or nothing.
            draft = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
            try:
                draft.write_text(uuid.uuid4().hex, encoding="ascii")
                with suppress(FileExistsError):
                    os.link(draft, file)
            finally:
                draft.unlink(missing_ok=True)
        return file.read_text(encoding="ascii")
    except FileNotFoundError:
        raise
    except OSError as error:
        logger.warning("journal has no name beside it; its path is used", extra={"error": type(error).__name__})
        return str(journal.absolute())
