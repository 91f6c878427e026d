"""Remembers the terms of recent calls, so that a decision finds out once what many calls have in common."""

from dataclasses import dataclass
from typing import Final

from authz_service.request.envoy_messages import shared_answer
from gateway_core.model.calls.decision import Parameters, Prices, Terms, agree
from gateway_core.model.calls.holds import EncodedClaims, encode_claims
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.dialects import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.runtime.bounded_memory import BoundedMemory
from gateway_core.stores.redis.placing import PlacingTerms, placing_terms

_ENTRIES: Final = 20_000
"""About 3.2 KB each. Beyond them a decision costs what it costs without."""


@dataclass(frozen=True, slots=True)
class PreparedTerms:
    """Terms, and what every call of them sends: made once for all of them."""

    terms: Terms
    placing: PlacingTerms
    """For Redis."""
    claims: EncodedClaims
    """For the token of the hold."""
    answer: bytes
    """For Envoy: what the answers to these calls share."""


def prepare(terms: Terms, signing_key: bytes) -> PreparedTerms:
    """Writes once what every call of the terms sends; the key signs holds."""
    return PreparedTerms(
        terms=terms,
        placing=placing_terms(terms.claims, terms.limits),
        claims=encode_claims(terms.claims, signing_key),
        answer=shared_answer(terms),
    )


class TermsMemory:
    """A bounded number of terms. What is remembered is used for exactly the principal, prices and periods it was made for."""

    def __init__(self, clock: PeriodClock, signing_key: bytes, entries: int = _ENTRIES) -> None:
        self._clock = clock
        self._signing_key = signing_key
        self._known: BoundedMemory[tuple[bytes, str, str, bool, bool], PreparedTerms] = BoundedMemory(entries)

    def terms_of(
        self,
        secret_hash: bytes,
        principal: Principal,
        endpoint: Endpoint,
        parameters: Parameters,
        prices: Prices,
        now_epoch_s: float,
    ) -> PreparedTerms | Refusal:
        """What `decision.agree` says of a call with the key of this hash, prepared for sending."""
        key = (secret_hash, endpoint, parameters.model, parameters.streams, parameters.asks_for_usage)
        known = self._known.get(key)
        if known is not None and known.terms.hold_for(principal, prices, now_epoch_s):
            return known
        terms = agree(principal, endpoint, parameters, prices, now_epoch_s, self._clock)
        if isinstance(terms, Refusal):
            return terms
        prepared = prepare(terms, self._signing_key)
        self._known.remember(key, prepared)
        return prepared
