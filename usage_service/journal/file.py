"""Reads the journal as it grows: complete lines only, with a delay, across rotation, replacement and truncation."""

import hashlib
import logging
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from usage_service.journal.segments import JournalSegments
from usage_service.journal.store import JournalPosition

logger = logging.getLogger(__name__)

PAGE_BYTES: Final = 1024 * 1024
"""How much is read at a time. It is also the longest line: a longer one is skipped."""

HEAD_BYTES: Final = 4_096
"""How much of a file's beginning identifies it. A line contains the signature of a hold within this length."""


@dataclass(frozen=True, slots=True)
class JournalLines:
    """Consecutive lines, each with its byte offset, and the position after them."""

    lines: tuple[tuple[int, bytes], ...]
    end: JournalPosition
    passed_over: int = 0
    """Lines that were too long, or that were torn and will never be completed."""


class JournalFile:
    """A cursor in the journal. Its methods block: run them in a thread, one at a time."""

    def __init__(
        self, segments: JournalSegments, position: JournalPosition | None, delay_s: float, clock: Callable[[], float]
    ) -> None:
        """Creates a cursor. The file need not exist yet.

        Args:
            segments: the journal and its segments.
            position: where to resume; None for the first file that is not settled.
            delay_s: how old lines must be to be read. Lines that exist at the start are read immediately.
            clock: returns monotonic seconds.
        """
        self._segments = segments
        self._stored = position
        self._delay_s = delay_s
        self._clock = clock
        self._descriptor: int | None = None
        self._inode = 0
        self._offset = 0
        self._head = b""
        """The first `min(offset, HEAD_BYTES)` bytes of the file."""
        self._sizes: deque[tuple[float, int]] = deque()
        self._readable = 0
        self.is_caught_up = False
        """Whether everything that existed at the start has been read."""

    @property
    def position(self) -> JournalPosition | None:
        """The position after the last line read; None while no file is open."""
        return None if self._descriptor is None else self._here()

    def close(self) -> None:
        """Closes the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read(self) -> JournalLines | None:
        """Returns the next lines; None if there are none to read yet."""
        lines = self._read(self._descriptor) if self._descriptor is not None else self._open_first()
        if lines is None:
            self.is_caught_up = True
        return lines

    def remaining_bytes(self) -> int:
        """Returns the number of bytes after the position, in this file and those that follow it."""
        if self._descriptor is None:
            return 0
        size = os.fstat(self._descriptor).st_size - self._offset
        inode = self._inode
        while (status := _status_of(self._segments.following(inode))) is not None and status.st_ino != inode:
            size += status.st_size
            if (inode := status.st_ino) == self._inode:
                break
        return max(0, size)

    def _read(self, descriptor: int) -> JournalLines | None:
        status = os.fstat(descriptor)
        self._reset_if_recreated(descriptor, status.st_size)
        self._observe(status.st_size)
        size = min(self._readable - self._offset, PAGE_BYTES)
        page = self._page(os.pread(descriptor, size, self._offset)) if size > 0 else None
        if page is None and self._readable == status.st_size:
            return self._leave(descriptor)
        return page

    def _page(self, chunk: bytes) -> JournalLines | None:
        """Advances past the complete lines of a chunk and returns them."""
        length = chunk.rfind(b"\n") + 1
        if length == 0:
            if len(chunk) < PAGE_BYTES:
                return None  # A torn line: the rest has not been written yet.
            self._advance(chunk)
            return JournalLines((), self._here(), passed_over=1)
        lines = []
        offset = self._offset
        for line in chunk[: length - 1].split(b"\n"):
            lines.append((offset, line))
            offset += len(line) + 1
        self._advance(chunk[:length])
        return JournalLines(tuple(lines), self._here())

    def _advance(self, chunk: bytes) -> None:
        self._head += chunk[: HEAD_BYTES - len(self._head)]
        self._offset += len(chunk)

    def _open_first(self) -> JournalLines | None:
        """Opens the file of the stored position, even if it was moved; else the first file to read."""
        stored = self._stored
        if stored is not None:
            for path in (*self._segments.beside(), self._segments.journal):
                if (status := _status_of(path)) is None or status.st_ino != stored.inode:
                    continue
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                head = os.pread(descriptor, min(stored.byte_offset, HEAD_BYTES), 0)
                if status.st_size >= stored.byte_offset and stored.fingerprint in (None, _digest(head)):
                    self._begin(descriptor, stored.byte_offset, head)
                    return self._read(descriptor)
                os.close(descriptor)
                logger.warning("journal was recreated: reading it from its start")
        try:
            descriptor = os.open(self._segments.first(), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        self._begin(descriptor, 0, b"")
        return self._read(descriptor)

    def _begin(self, descriptor: int, offset: int, head: bytes) -> None:
        status = os.fstat(descriptor)
        self._descriptor, self._inode, self._offset, self._head = descriptor, status.st_ino, offset, head
        self._sizes.clear()
        self._readable = offset if self.is_caught_up else status.st_size
        logger.info("reading journal", extra={"byte_offset": offset, "size_bytes": status.st_size})

    def _observe(self, size: int) -> None:
        """Moves the readable end forward to where the file ended `delay_s` seconds ago."""
        now = self._clock()
        self._sizes.append((now, size))
        while self._sizes and self._sizes[0][0] <= now - self._delay_s:
            self._readable = self._sizes.popleft()[1]

    def _reset_if_recreated(self, descriptor: int, size: int) -> None:
        """Returns to the start of a file that was emptied, even if it has already grown beyond the position again."""
        if size >= self._offset and os.pread(descriptor, len(self._head), 0) == self._head:
            return
        logger.warning("journal was recreated: reading it from its start", extra={"byte_offset": self._offset})
        self._sizes.clear()
        self._readable = self._offset = 0
        self._head = b""

    def _leave(self, descriptor: int) -> JournalLines | None:
        """Continues with the next file. A line torn at the end of this one will never be completed.

        Returns None if there is no next file, because this one may still be written, or if this one was just written.
        """
        following = self._open_following()
        if following is None:
            return None
        # The size of this file is final only now that Envoy writes another one.
        size = os.fstat(descriptor).st_size
        if size != self._readable:
            os.close(following)
            return None
        torn = size > self._offset
        self.close()
        self._begin(following, 0, b"")
        return JournalLines((), self._here(), passed_over=1 if torn else 0)

    def _open_following(self) -> int | None:
        try:
            descriptor = os.open(self._segments.following(self._inode), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        if os.fstat(descriptor).st_ino == self._inode:
            os.close(descriptor)
            return None
        return descriptor

    def _here(self) -> JournalPosition:
        return JournalPosition(self._inode, self._offset, _digest(self._head))


def _digest(head: bytes) -> bytes:
    return hashlib.sha256(head).digest()


def _status_of(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
