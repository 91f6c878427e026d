"""How far a replica is behind, from positions in the primary's log and the times at which the primary had reached them.

A replica's own figures cannot tell that: its last transaction is old if nothing happens, and also if it gets nothing any more.
"""

import datetime as dt
from collections import deque
from typing import Final

_MOST_SAMPLES: Final = 600


class Freshness:
    """Up to when a replica has everything. All times of the database are the primary's; `now_s` is a monotonic clock."""

    def __init__(self, most_lag_s: float) -> None:
        """Creates it. `most_lag_s`: how far the replica may be behind, and how old a measurement may be."""
        self._most_lag_s = most_lag_s
        self._samples: deque[tuple[int, dt.datetime]] = deque(maxlen=_MOST_SAMPLES)
        self._measured_s: float | None = None
        self._lag_s = 0.0
        self.as_of: dt.datetime | None = None
        """The time up to which the replica had everything when it was last measured. It can only have more now."""

    def note(self, primary: tuple[int, dt.datetime], replayed: int | None, now_s: float) -> None:
        """Notes a measurement.

        Args:
            primary: a position that its log had reached, and a time before which everything committed is before that position.
            replayed: the position up to which the replica has replayed; None if it does not follow.
            now_s: the time at which the measurement began.
        """
        self._samples.append(primary)
        reached = [time for position, time in self._samples if replayed is not None and position <= replayed]
        if not reached:
            self.lose()
            return
        self.as_of = max(reached)
        self._lag_s = (primary[1] - self.as_of).total_seconds()
        self._measured_s = now_s

    def lose(self) -> None:
        """Notes that the replica does not answer."""
        self._measured_s = None

    def suffices(self, now_s: float) -> bool:
        """Returns whether the replica may answer."""
        return self._measured_s is not None and now_s - self._measured_s + self._lag_s <= self._most_lag_s
