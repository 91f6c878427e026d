"""How far settlement from the journal is behind the end of the journal."""

from collections import deque
from collections.abc import Callable
from typing import Final

_MARK_INTERVAL_S: Final = 0.1
_MAX_MARKS: Final = 1_000


class JournalLag:
    """The lag of the journal. The replay writes it; the metrics read it from a thread of their own."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._settled = 0
        self._marks: deque[tuple[float, int]] = deque()
        self.size_bytes = 0
        """Bytes not settled yet. Rarely 0 under load, because the journal is read with a delay."""

    def observe(self, remaining_bytes: int) -> None:
        """Records how many bytes are not settled now."""
        now = self._clock()
        self.size_bytes = remaining_bytes
        if remaining_bytes == 0:
            self._marks.clear()
            return
        end = self._settled + remaining_bytes
        last = self._marks[-1] if self._marks else None
        if last is None or (end > last[1] and now >= last[0] + _MARK_INTERVAL_S and len(self._marks) < _MAX_MARKS):
            self._marks.append((now, end))

    def settle(self, size_bytes: int) -> None:
        """Records that this many bytes were settled."""
        self._settled += size_bytes
        while self._marks and self._marks[0][1] <= self._settled:
            self._marks.popleft()

    @property
    def age_s(self) -> float:
        """Seconds since the oldest unsettled bytes were first seen in the journal; 0 if there are none."""
        try:
            return self._clock() - self._marks[0][0]
        except IndexError:
            return 0.0
