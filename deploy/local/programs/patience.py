"""A process that becomes ready after a while in any case, because others wait for it and can do without what it lacks."""

from collections.abc import Callable


class Patience:
    """Lets each process pass as ready once, if it has not been ready for some time. From then on it is ready if it says so."""

    def __init__(self, longest_s: float, now_s: Callable[[], float]) -> None:
        """Creates it.

        Args:
            longest_s: how long others wait.
            now_s: a clock that only runs forward.
        """
        self._longest_s = longest_s
        self._now_s = now_s
        self._since_s: dict[int, float] = {}
        self._passed: set[int] = set()

    def passes(self, pid: int, *, is_ready: bool) -> bool:
        """Returns whether a process counts as ready. Call it only while the process runs."""
        since_s = self._since_s.setdefault(pid, self._now_s())
        if pid in self._passed:
            return is_ready
        if is_ready or self._now_s() - since_s > self._longest_s:
            self._passed.add(pid)
            return True
        return False
