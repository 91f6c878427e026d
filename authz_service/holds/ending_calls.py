"""Lets a call wait a moment for the end of an open call, where open calls alone keep it from passing.

A caller has the end of an answer before the gateway has the report of it, and may send the next call at once. Without a
wait, a caller that makes one call after the other would be refused by its own last call.

Calls that wait for the same limit form a line. Only the first of a line asks Redis again, at growing intervals, so a
line costs the same however long it is. Everything is bounded: how long a call waits, how many wait in a line, and how
many wait at all. Calls that do not wait are not delayed.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from gateway_core.model.calls.decision import Admission
from gateway_core.model.calls.placement_refusals import passes_once_calls_end
from gateway_core.model.calls.placements import Placed, Refused
from gateway_core.model.record_decorator import record
from gateway_core.runtime.bounded_memory import BoundedMemory
from gateway_core.runtime.unary import say_that_an_answer_comes

LONGEST_WAIT_S: Final = 1.0
"""With the time of a last attempt, less than Envoy waits for a decision."""
LONGEST_LINE: Final = 128
MOST_WAITING: Final = 512
_FIRST_PAUSE_S: Final = 0.003
_LONGEST_PAUSE_S: Final = 0.025
_GROWTH: Final = 1.3
REMEMBERED_S: Final = 60.0
"""As long as `want.lua` asks usage_service for the ends of calls."""
_MOST_REMEMBERED: Final = 10_000


@record(frozen=True, slots=True)
class LineName:
    """Identifies a line, and bounds it."""

    organization: str
    limit: str
    longest: int
    """How many calls may wait in it."""


LineOf = Callable[[Refused], LineName | None]
"""Returns the line of a refused call; None if it must not wait."""


def stands_in_no_line(_: Refused) -> None:
    """Lets no call wait."""


def line_of(asked: Admission, refused: Refused) -> LineName | None:
    """Returns the line of a call, by the first limit that refused it; None if the end of open calls cannot make it pass.

    No more calls may wait for a place than there are places, because no more of them can have just become free.
    """
    if not passes_once_calls_end(asked, refused):
        return None
    claims = asked.hold.claims
    if refused.exhausted:
        index = refused.exhausted[0].index
        limit = "credit" if index is None else claims.counters[index].encode()
        return LineName(claims.organization, limit, LONGEST_LINE)
    index = refused.busy[0].index
    places = asked.terms.limits.throttles[index]
    return LineName(claims.organization, claims.throttles[index].encode(), min(places, LONGEST_LINE))


@dataclass(slots=True)
class _Line:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class EndingCalls:
    """The lines of one process."""

    def __init__(
        self,
        longest_wait_s: float = LONGEST_WAIT_S,
        most_waiting: int = MOST_WAITING,
        remembered_s: float = REMEMBERED_S,
    ) -> None:
        self._remembered_s = remembered_s
        self._longest_wait_s = longest_wait_s
        self._most_waiting = most_waiting
        self._lines: dict[LineName, _Line] = {}
        self._awaited_until_s: BoundedMemory[str, float] = BoundedMemory(_MOST_REMEMBERED)
        """Organizations whose calls have waited."""
        self.waiting = 0
        """How many calls wait."""

    def awaits(self, organization: str) -> bool:
        """Returns whether a call of the organization has waited here within the last minute."""
        until_s = self._awaited_until_s.get(organization)
        if until_s is None:
            return False
        if until_s > asyncio.get_running_loop().time():
            return True
        del self._awaited_until_s[organization]
        return False

    async def wait(
        self,
        refused: Refused,
        want: Callable[[], Awaitable[None]],
        attempt: Callable[[], Awaitable[Placed | Refused]],
        line_of: LineOf,
        latest_s: float = math.inf,
    ) -> Placed | Refused:
        """Attempts again until the call passes, cannot pass by waiting, or has waited long enough.

        Args:
            refused: the result of the first attempt.
            want: asks for the ends of calls as soon as they are reported.
            attempt: places the hold.
            line_of: returns the line of the call. A call that finds it full is refused at once.
            latest_s: the time of the event loop at which the call stops waiting, if it has not waited long enough before.

        Raises:
            The errors of `want` and `attempt`.
        """
        name = line_of(refused)
        now_s = asyncio.get_running_loop().time()
        end_s = min(now_s + self._longest_wait_s, latest_s)
        if name is None or end_s <= now_s:
            return refused
        line = self._lines.get(name) or _Line()
        if line.waiting >= name.longest or self.waiting >= self._most_waiting:
            return refused
        say_that_an_answer_comes()
        self._lines[name] = line
        self._awaited_until_s.remember(name.organization, now_s + self._remembered_s)
        line.waiting += 1
        self.waiting += 1
        try:
            if not await _has_turn(line, end_s):
                return refused
            try:
                await want()
                return await _attempt_until(end_s, refused, attempt, line_of)
            finally:
                line.turn.release()
        finally:
            self.waiting -= 1
            line.waiting -= 1
            if not line.waiting:
                del self._lines[name]


async def _has_turn(line: _Line, end_s: float) -> bool:
    """Waits until the call is the first of its line, at most until `end_s`. Returns whether it is."""
    try:
        async with asyncio.timeout_at(end_s):
            await line.turn.acquire()
    except TimeoutError:
        return False
    return True


async def _attempt_until(
    end_s: float, refused: Refused, attempt: Callable[[], Awaitable[Placed | Refused]], line_of: LineOf
) -> Placed | Refused:
    now_s = asyncio.get_running_loop().time
    placement: Placed | Refused = refused
    pause_s = _FIRST_PAUSE_S
    while isinstance(placement, Refused) and line_of(placement) and now_s() + pause_s < end_s:
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * _GROWTH, _LONGEST_PAUSE_S)
        placement = await attempt()
    return placement
