"""Pauses between attempts. Each is twice as long as the one before, up to a maximum."""

_MOST_DOUBLINGS = 30
"""Enough to reach every maximum, and small enough to keep the power small."""


def pause_s(failures: int, first_s: float, longest_s: float) -> float:
    """Returns how many seconds to wait after `failures` failures in a row.

    Args:
        failures: number of failures in a row, at least 1.
        first_s: pause after the first failure.
        longest_s: maximum of every pause.
    """
    return min(longest_s, first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))


class Backoff:
    """Counts consecutive failures of one kind of attempt."""

    __slots__ = ("_failures", "_first_s", "_longest_s")

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0

    def failed(self) -> float:
        """Records a failure. Returns the seconds to wait before the next attempt."""
        self._failures += 1
        return pause_s(self._failures, self._first_s, self._longest_s)

    def succeeded(self) -> None:
        """Resets the pause to the first one."""
        self._failures = 0
