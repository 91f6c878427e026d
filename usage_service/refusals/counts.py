"""Counts refused calls in bounded memory. Pure."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway_core.contract.metadata import RefusedCall

MAX_ROWS: Final = 1_000
"""How many different refusals of a minute have a row each. The rest are added up by organization and reason."""
MAX_SUMS: Final = 1_000
"""Sums of that kind. Beyond that, calls are only counted as `uncounted`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What refused calls of one minute have in common."""

    minute: dt.datetime
    call: RefusedCall


class RefusalCounts:
    """Refused calls that are not stored yet, at most `MAX_ROWS` and `MAX_SUMS` of each minute apart."""

    def __init__(self, max_rows: int = MAX_ROWS, max_sums: int = MAX_SUMS) -> None:
        self._max_rows = max_rows
        self._max_sums = max_sums
        self._minute: dt.datetime | None = None
        self._known: set[RefusedCall] = set()
        self._summed: set[RefusedCall] = set()
        self._waiting: Counter[Refused] = Counter()
        self.by_reason: Counter[str] = Counter()
        """All refused calls, also those without a known caller."""
        self.uncounted = 0
        """Calls with a known caller that are in no row."""

    def note(self, call: RefusedCall, now: dt.datetime, count: int = 1) -> None:
        """Counts refused calls. Without a known caller they count by reason only."""
        self.by_reason[call.reason] += count
        if call.organization:
            self._add(Refused(now.replace(second=0, microsecond=0), call), count)

    def take(self) -> Mapping[Refused, int]:
        """Returns what is not stored yet, and forgets it."""
        taken, self._waiting = self._waiting, Counter()
        return taken

    def put_back(self, taken: Mapping[Refused, int]) -> None:
        """Counts what could not be stored again, as far as there is room."""
        for refused, count in taken.items():
            if refused in self._waiting or len(self._waiting) < self._max_rows + self._max_sums:
                self._waiting[refused] += count
            else:
                self.uncounted += count

    def _add(self, refused: Refused, count: int) -> None:
        if refused.minute != self._minute:
            self._minute = refused.minute
            self._known.clear()
            self._summed.clear()
        call = refused.call
        if call not in self._known:
            if len(self._known) < self._max_rows:
                self._known.add(call)
            else:
                call = RefusedCall(call.reason, organization=call.organization)
                if call not in self._summed:
                    if len(self._summed) >= self._max_sums:
                        self.uncounted += count
                        return
                    self._summed.add(call)
        self._waiting[Refused(refused.minute, call)] += count
