"""Takes ratings of answers (`POST /v1/feedback`).

A caller may rate within milliseconds of the answer. The call is known when it is settled, a tenth of a second later, so an unknown
call is looked for again a few times. If it is still unknown and the caller has open calls, the rating is stored and waits.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from authz_service.feedback.rating import RATED_DAYS_MAX, Rating, read_rating
from authz_service.feedback.store import Rated
from authz_service.request.call import Call
from authz_service.stored_objects.store import Owner
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.runtime.bounded_memory import BoundedMemory

PAUSES_S: Final = (0.1, 0.2, 0.4)
_AT_ONCE: Final = 60
_PER_SECOND: Final = 1.0
"""How many ratings of one key each process takes at once, and how many more each second after."""
_KEYS: Final = 16_384
_WAITING_MAX: Final = 256
"""How many ratings of all keys each process works on."""

_UNKNOWN: Final = Refusal(
    RefusalReason.CALL_NOT_FOUND,
    f"No call of yours to a virtual model in the last {RATED_DAYS_MAX} days has this id. Send the x-request-id of its answer.",
    "id",
)
_TOO_MANY: Final = Refusal(
    RefusalReason.TOO_MANY_RATINGS,
    "More ratings come in than the gateway takes from this key, or from all. Wait before you retry.",
    retry_after_s=1,
)


class Store(Protocol):
    """Where ratings are stored."""

    async def rate(self, owner: Owner, rating: Rating, *, may_wait: bool) -> Rated:
        """Stores a rating. It replaces an earlier one of the same call."""


class Ratings:
    """The ratings that callers send."""

    def __init__(
        self,
        store: Store,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._monotonic_s = monotonic_s
        self._sleep = sleep
        self._left: BoundedMemory[tuple[str, str], tuple[float, float]] = BoundedMemory(_KEYS)
        """How many ratings each key may send, and when that was so."""
        self._waiting = 0

    async def take(self, call: Call, principal: Principal) -> str | Refusal:
        """Returns the JSON answer to a rating, or the refusal.

        Raises:
            Errors in `connections.UNAVAILABLE`, if the database does not answer.
        """
        rating = read_rating(call)
        if isinstance(rating, Refusal):
            return rating
        if self._waiting >= _WAITING_MAX or not self._admits(principal):
            return _TOO_MANY
        self._waiting += 1
        try:
            rated = await self._stored(Owner(principal.organization, principal.member), rating)
        finally:
            self._waiting -= 1
        if rated is Rated.UNKNOWN:
            return _UNKNOWN
        given = {"object": "feedback", "id": rating.request_id, "rating": rating.rating, "reason": rating.reason}
        return json.dumps({**given, "status": rated.value})

    async def _stored(self, owner: Owner, rating: Rating) -> Rated:
        """Stores a rating, and waits a moment for the settlement of its call."""
        rated = await self._store.rate(owner, rating, may_wait=False)
        for number, pause_s in enumerate(PAUSES_S, 1):
            if rated is not Rated.UNKNOWN:
                break
            await self._sleep(pause_s)
            rated = await self._store.rate(owner, rating, may_wait=number == len(PAUSES_S))
        return rated

    def _admits(self, principal: Principal) -> bool:
        """Returns whether the key may send another rating now, and counts it."""
        now_s = self._monotonic_s()
        key = (principal.organization, principal.api_key)
        left, at_s = self._left.get(key) or (float(_AT_ONCE), now_s)
        left = min(_AT_ONCE, left + (now_s - at_s) * _PER_SECOND)
        if left < 1:
            return False
        self._left.remember(key, (left - 1, now_s))
        return True
