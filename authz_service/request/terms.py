"""Caches the terms of recent calls, so that what many calls share is computed once."""

from dataclasses import dataclass
from typing import Final

from authz_service.request.envoy_messages import shared_answer
from gateway_core.model.calls.decision import Parameters, Terms, agree
from gateway_core.model.calls.holds import EncodedClaims, encode_claims
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.calls.special_requests import Specials
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.limits.model_whitelists import qualified_name
from gateway_core.model.routing.routed_as import RoutedAs
from gateway_core.runtime.bounded_memory import BoundedMemory
from gateway_core.stores.redis.placing import PlacingTerms, placing_terms

_ENTRIES: Final = 20_000
"""About 3.2 KB each. A call whose terms are not cached computes them again."""


_Key = tuple[bytes, str, str, bool, bool, str, Specials | None, RoutedAs | None, int | None]


@dataclass(frozen=True, slots=True, eq=False)
class PreparedTerms:
    """Terms, with the encoded parts that every call with these terms sends. Encoded once for all of them."""

    terms: Terms
    placing: PlacingTerms
    """The part for Redis."""
    claims: EncodedClaims
    """The part for the token of the hold."""
    answer: bytes
    """The part of the response to Envoy that these calls share."""

    @property
    def place(self) -> str:
        """The place of the deployment that these calls go to."""
        claims = self.terms.claims
        return qualified_name(claims.served_model, claims.provider)


def prepare(terms: Terms, signing_key: bytes) -> PreparedTerms:
    """Encodes what every call with these terms sends. `signing_key` signs holds."""
    return PreparedTerms(
        terms=terms,
        placing=placing_terms(terms.claims, terms.limits),
        claims=encode_claims(terms.claims, signing_key),
        answer=shared_answer(terms),
    )


class TermsMemory:
    """A bounded number of terms. Cached terms are used only for the principal, prices and periods they were made for."""

    def __init__(self, clock: PeriodClock, signing_key: bytes, entries: int = _ENTRIES) -> None:
        self._clock = clock
        self._signing_key = signing_key
        self._known: BoundedMemory[_Key, PreparedTerms] = BoundedMemory(entries)

    def terms_of(
        self,
        secret_hash: bytes,
        principal: Principal,
        endpoint: Endpoint,
        parameters: Parameters,
        prices: CatalogView,
        now_epoch_s: float,
    ) -> PreparedTerms | Refusal:
        """Returns the result of `decision.agree` for a call with the key of this hash, with its parts encoded."""
        key = (
            secret_hash,
            endpoint,
            parameters.model,
            parameters.streams,
            parameters.asks_for_usage,
            parameters.query,
            parameters.specials,
            parameters.routed,
            parameters.deployment,
        )
        known = self._known.get(key)
        if known is not None and known.terms.hold_for(principal, prices, now_epoch_s):
            return known
        terms = agree(principal, endpoint, parameters, prices, now_epoch_s, self._clock)
        if isinstance(terms, Refusal):
            return terms
        prepared = prepare(terms, self._signing_key)
        self._known.remember(key, prepared)
        return prepared
