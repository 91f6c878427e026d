"""Remembers the terms of the calls made lately, so that a decision finds out once what many calls have in common."""

from typing import Final

from gateway_core.model.calls.decision import Parameters, Prices, Terms, agree
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.dialects import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.runtime.bounded_memory import BoundedMemory

_ENTRIES: Final = 20_000
"""About 3.2 KB each. Beyond them a decision costs what it costs without."""


class TermsMemory:
    """A bounded number of terms. What is remembered is used for exactly the principal, prices and periods it was made for."""

    def __init__(self, clock: PeriodClock, entries: int = _ENTRIES) -> None:
        self._clock = clock
        self._known: BoundedMemory[tuple[bytes, str, str, bool, bool], Terms] = BoundedMemory(entries)

    def terms_of(
        self,
        secret_hash: bytes,
        principal: Principal,
        endpoint: Endpoint,
        parameters: Parameters,
        prices: Prices,
        now_epoch_s: float,
    ) -> Terms | Refusal:
        """What `decision.agree` says of a call with the key of this hash."""
        key = (secret_hash, endpoint, parameters.model, parameters.streams, parameters.asks_for_usage)
        known = self._known.get(key)
        if known is not None and known.hold_for(principal, prices, now_epoch_s):
            return known
        terms = agree(principal, endpoint, parameters, prices, now_epoch_s, self._clock)
        if isinstance(terms, Refusal):
            return terms
        self._known.remember(key, terms)
        return terms
