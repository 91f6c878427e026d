"""Rotates the journal when it has grown: sets its file aside and asks Envoy to open a new one.

Only the process that reads the journal may rotate it, and only while it reads the file that Envoy writes. So at most
one segment waits to be settled, and its end is final once Envoy has opened the next file. Envoy opens that file with
the first line after the request, and a new Envoy opens it at its start. Until then Envoy writes to the segment, so
nothing is lost if any process dies in between.

During a restart without a pause, two Envoys write to the journal until the calls of the old one have ended. It is not rotated
then, because only the new one can be asked to open the next file.
"""

import http.client
import logging
from collections.abc import Callable
from typing import Final, Protocol

from usage_service.journal.segments import JournalSegments
from usage_service.journal.store import JournalPosition

logger = logging.getLogger(__name__)

_PAUSE_S: Final = 1.0
_FAILURES: Final = (OSError, http.client.HTTPException)


class LogWriter(Protocol):
    """The Envoy that writes the journal. Its methods raise `OSError` or `http.client.HTTPException` on failure."""

    def reopen_logs(self) -> None:
        """Asks it to open the journal again by name."""

    def has_predecessor(self) -> bool:
        """Returns whether an earlier Envoy still writes to the journal.

        It has no admin page left, so it cannot be asked to reopen the file.
        """


class JournalRotation:
    """Rotates one journal by size. Its methods block."""

    def __init__(
        self, segments: JournalSegments, rotate_bytes: int, writer: LogWriter, clock: Callable[[], float]
    ) -> None:
        """Creates a rotation.

        Args:
            segments: the files of the journal.
            rotate_bytes: the size at which the journal is set aside.
            writer: of the journal.
            clock: returns monotonic seconds.
        """
        self._segments = segments
        self._rotate_bytes = rotate_bytes
        self._writer = writer
        self._clock = clock
        self._is_asked = False
        self._next_attempt_s = -float("inf")

    def look(self, position: JournalPosition | None) -> None:
        """Rotates the journal if it is time. Logs failures; a later call retries, after a second at the earliest."""
        if self._clock() < self._next_attempt_s:
            return
        try:
            self._look(position)
        except _FAILURES as error:
            self._next_attempt_s = self._clock() + _PAUSE_S
            logger.warning("journal cannot be rotated", extra={"error": str(error)[:200]})

    def _look(self, position: JournalPosition | None) -> None:
        try:
            status = self._segments.journal.stat()
        except FileNotFoundError:
            # A predecessor may have set it aside and been killed before it could ask Envoy.
            if not self._is_asked and self._segments.listed():
                self._writer.reopen_logs()
                self._is_asked = True
            return
        self._is_asked = False
        if position is None or status.st_ino != position.inode or status.st_size < self._rotate_bytes:
            return
        if self._writer.has_predecessor():
            self._next_attempt_s = self._clock() + _PAUSE_S
            return
        self._segments.set_aside()
        logger.info("journal was set aside", extra={"size_bytes": status.st_size})
        self._writer.reopen_logs()
        self._is_asked = True
