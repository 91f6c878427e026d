"""How far settlement from the journal is behind the journal's end."""

from collections import deque
from collections.abc import Callable
from typing import Final

_MARK_INTERVAL_S: Final = 0.1
_MAX_MARKS: Final = 1_000


class JournalLag:
    """Written by the replay, read by the metrics from a thread of theirs."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._settled = 0
        self._marks: deque[tuple[float, int]] = deque()
        self.size_bytes = 0
        """Not settled yet. Of the last second there is always something: the journal is read with a delay."""

    def observe(self, remaining_bytes: int) -> None:
        """Takes note of what is not settled now."""
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
        """Takes note of progress."""
        self._settled += size_bytes
        while self._marks and self._marks[0][1] <= self._settled:
            self._marks.popleft()

    @property
    def age_s(self) -> float:
        """How long ago the oldest of what is not settled was seen in the journal."""
        try:
            return self._clock() - self._marks[0][0]
        except IndexError:
            return 0.0
