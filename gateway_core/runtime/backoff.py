"""Pauses between attempts: each twice as long as the one before, up to a longest."""

_MOST_DOUBLINGS = 30
"""Reaches every longest pause and keeps the power small."""


def pause_s(failures: int, first_s: float, longest_s: float) -> float:
    """Seconds to wait after so many failures in a row, at least one.

    Args:
        failures: in a row, the latest included.
        first_s: pause after the first failure.
        longest_s: bound of every pause.
    """
    return min(longest_s, first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))


class Backoff:
    """Counts the failures of one kind of attempt."""

    __slots__ = ("_failures", "_first_s", "_longest_s")

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0

    def failed(self) -> float:
        """Notes a failure; returns the seconds to wait before the next attempt."""
        self._failures += 1
        return pause_s(self._failures, self._first_s, self._longest_s)

    def succeeded(self) -> None:
        """Starts again with the first pause."""
        self._failures = 0
