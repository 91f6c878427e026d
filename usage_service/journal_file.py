"""Reads the journal as it grows: complete lines only, some way behind its end, across replacement and truncation."""

import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway_core.edges.postgres.journal_store import JournalPosition

logger = logging.getLogger(__name__)

PAGE_BYTES: Final = 1024 * 1024
"""How much is read at once; also the longest line: a longer one is passed over."""


@dataclass(frozen=True, slots=True)
class JournalLines:
    """Consecutive lines, each with its place in the file, and the position behind them."""

    lines: tuple[tuple[int, bytes], ...]
    end: JournalPosition
    passed_over: int = 0
    """Lines that were too long, or torn for ever."""


class JournalFile:
    """A cursor in the journal. Its methods block; they are made for a thread of their own, one call at a time."""

    def __init__(
        self, path: Path, position: JournalPosition | None, delay_s: float, clock: Callable[[], float]
    ) -> None:
        """Prepares a cursor; the file need not exist yet.

        Args:
            path: the journal.
            position: where to go on; None for the start of the file.
            delay_s: what was written later than this long ago is not read yet. What is there at the start is.
            clock: monotonic seconds.
        """
        self._path = path
        self._position = position
        self._delay_s = delay_s
        self._clock = clock
        self._descriptor: int | None = None
        self._sizes: deque[tuple[float, int]] = deque()
        self._readable = 0

    def close(self) -> None:
        """Closes the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read(self) -> JournalLines | None:
        """The next lines; None when there are none to be read yet."""
        if self._descriptor is None and not self._open_first():
            return None
        status = self._status()
        position = self._reset_if_truncated(status)
        self._observe(status.st_size)
        size = min(self._readable - position.byte_offset, PAGE_BYTES)
        page = self._page(os.pread(self._required_descriptor(), size, position.byte_offset)) if size > 0 else None
        if page is None and self._readable == status.st_size and self._is_replaced(status):
            return self._leave(status)
        return page

    def _page(self, chunk: bytes) -> JournalLines | None:
        """Advances over the complete lines of a chunk."""
        start = self._required_position().byte_offset
        length = chunk.rfind(b"\n") + 1
        if length == 0:
            if len(chunk) < PAGE_BYTES:
                return None  # A torn line: its rest is still to come.
            self._move_to(start + len(chunk))
            return JournalLines((), self._required_position(), passed_over=1)
        lines = []
        offset = start
        for line in chunk[: length - 1].split(b"\n"):
            lines.append((offset, line))
            offset += len(line) + 1
        self._move_to(offset)
        return JournalLines(tuple(lines), self._required_position())

    def _open_first(self) -> bool:
        """Opens the file the position belongs to, wherever it was moved, else the journal from its start."""
        for path in self._candidates():
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            status = os.fstat(descriptor)
            is_ours = self._position is not None and self._position.inode == status.st_ino
            if is_ours or path == self._path:
                offset = self._position.byte_offset if self._position and is_ours else 0
                self._begin(descriptor, status, offset, readable=status.st_size)
                return True
            os.close(descriptor)
        return False

    def _candidates(self) -> list[Path]:
        """Where the file of the position may be by now: beside the journal under a longer name, or in its place."""
        if self._position is None or not self._path.parent.is_dir():
            return [self._path]
        moved = sorted(self._path.parent.glob(f"{self._path.name}?*"))
        return [*moved, self._path]

    def _begin(self, descriptor: int, status: os.stat_result, offset: int, readable: int) -> None:
        self._descriptor = descriptor
        self._position = JournalPosition(status.st_ino, offset)
        self._sizes.clear()
        self._readable = readable
        logger.info("reading journal", extra={"byte_offset": offset, "size_bytes": status.st_size})

    def _observe(self, size: int) -> None:
        """Lets the end move forward to where the file ended `delay_s` ago."""
        now = self._clock()
        self._sizes.append((now, size))
        while self._sizes and self._sizes[0][0] <= now - self._delay_s:
            self._readable = self._sizes.popleft()[1]

    def _reset_if_truncated(self, status: os.stat_result) -> JournalPosition:
        position = self._required_position()
        if status.st_size < position.byte_offset:
            logger.warning(
                "journal was truncated; reading it from its start", extra={"byte_offset": position.byte_offset}
            )
            self._sizes.clear()
            self._readable = 0
            self._move_to(0)
        return self._required_position()

    def _is_replaced(self, status: os.stat_result) -> bool:
        """Whether the journal's name now belongs to another file, so that nothing more is written to this one."""
        try:
            return self._path.stat().st_ino != status.st_ino
        except FileNotFoundError:
            return False

    def _leave(self, status: os.stat_result) -> JournalLines | None:
        """Goes on with the file that took this one's place; a line torn at its end will never be completed."""
        torn = status.st_size > self._required_position().byte_offset
        self.close()
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        self._begin(descriptor, os.fstat(descriptor), 0, readable=0)
        return JournalLines((), self._required_position(), passed_over=1 if torn else 0)

    def _status(self) -> os.stat_result:
        return os.fstat(self._required_descriptor())

    def _move_to(self, offset: int) -> None:
        self._position = JournalPosition(self._required_position().inode, offset)

    def _required_descriptor(self) -> int:
        assert self._descriptor is not None, "opened before use"  # noqa: S101
        return self._descriptor

    def _required_position(self) -> JournalPosition:
        assert self._position is not None, "set when opened"  # noqa: S101
        return self._position
