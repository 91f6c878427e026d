"""The files of a journal: the one that Envoy writes, and the numbered segments that were set aside.

Envoy writes `usage.log`. `usage.log.000007` was set aside and may contain calls that are not settled.
`usage.log.000006.settled` is completely settled. It is kept for a while, so that a database restored from a backup can
settle it again.
"""

import logging
import os
import re
import shutil
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
    """The files of one journal. All methods block, and raise `OSError` if the directory cannot be used."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self._pattern = re.compile(rf"{re.escape(journal.name)}\.(\d{{{_NUMBER_DIGITS},}})({re.escape(_SETTLED)})?")

    def free_bytes(self) -> int:
        """Returns the free bytes on the disk of the journal."""
        return shutil.disk_usage(self.journal.parent).free

    def listed(self) -> list[Segment]:
        """Returns all segments, oldest first."""
        matches = ((path, self._pattern.fullmatch(path.name)) for path in self._files())
        segments = [Segment(int(match[1]), path, match[2] is not None) for path, match in matches if match]
        return sorted(segments, key=lambda segment: segment.number)

    def beside(self) -> list[Path]:
        """Returns every file whose name begins with the journal's, including files that another program renamed."""
        name = self.journal.name
        return sorted(path for path in self._files() if path.name.startswith(name) and path.name != name)

    def set_aside(self) -> None:
        """Renames the journal to the next segment. A process that has the file open keeps writing to it."""
        numbers = [segment.number for segment in self.listed()]
        number = max(numbers, default=_FIRST_NUMBER - 1) + 1
        self.journal.rename(self.journal.with_name(f"{self.journal.name}.{number:0{_NUMBER_DIGITS}}"))

    def retire_before(self, inode: int, keep: int) -> None:
        """Marks the segments before a file as settled, and deletes all but the newest settled segments.

        Args:
            inode: the inode of the journal or a segment. A position in it must already be stored.
            keep: how many settled segments to keep.
        """
        for segment in self._before(inode):
            if not segment.is_settled:
                segment.path.rename(segment.path.with_name(segment.path.name + _SETTLED))
                logger.info("journal segment is settled", extra={"segment": segment.path.name})
        settled = [segment for segment in self.listed() if segment.is_settled]
        for segment in settled[: max(0, len(settled) - keep)]:
            segment.path.unlink(missing_ok=True)

    def following(self, inode: int) -> Path:
        """Returns the file to read after a file: the next segment, or the journal. The journal is followed by itself."""
        if inode_of(self.journal) == inode:
            return self.journal
        segments = self.listed()
        for index, segment in enumerate(segments):
            if inode_of(segment.path) == inode:
                return segments[index + 1].path if index + 1 < len(segments) else self.journal
        return self.first()

    def first(self) -> Path:
        """Returns the file to read first without a stored position: the oldest unsettled segment, or the journal."""
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
    """Returns the inode of a file; None if it does not exist."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def journal_name(journal: Path) -> str:
    """Returns a name that identifies this journal within the deployment, whatever its path and machine.

    The name is stored in a file beside the journal. If that file cannot be written, the path is used.

    Raises:
        FileNotFoundError: the journal's directory does not exist.
    """
    file = journal.with_name(f"{journal.name}.name")
    try:
        if not file.exists():
            # Write a draft, then link it: another process sees the whole name or no file.
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
        logger.warning("cannot store a name beside the journal: using its path", extra={"error": type(error).__name__})
        return str(journal.absolute())
