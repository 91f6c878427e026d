"""The terms of a call that may be tried at several deployments: one hold, and what Envoy must know of each attempt."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from authz_service.request.envoy_messages import quote_of, shared_answer
from authz_service.request.terms import PreparedTerms
from gateway_core.contract.metadata import DecisionKey
from gateway_core.model.calls.decision import Terms
from gateway_core.model.calls.holds import Rung, encode_claims
from gateway_core.model.deployments.fallbacks import (
    encode_ladder,
    encode_own_keys,
    encode_rung,
    fallback_cluster,
    may_try_another,
)
from gateway_core.model.endpoints import Endpoint
from gateway_core.runtime.bounded_memory import BoundedMemory

_ENTRIES: Final = 4_096
_SEVERAL: Final = frozenset(
    {
        Endpoint.CHAT_COMPLETIONS,
        Endpoint.COMPLETIONS,
        Endpoint.RESPONSES,
        Endpoint.EMBEDDINGS,
        Endpoint.MESSAGES,
        Endpoint.GENERATE_CONTENT,
    }
)
"""The operations whose bodies are JSON, so that the module can give each attempt its name of the model."""


class Attempts:
    """Joins the terms of deployments into those of a call with several attempts. It remembers what it has joined."""

    def __init__(self, signing_key: bytes) -> None:
        self._signing_key = signing_key
        self._known: BoundedMemory[tuple[PreparedTerms, ...], PreparedTerms] = BoundedMemory(_ENTRIES)

    def joined(self, ladder: tuple[PreparedTerms, ...], first_byte_timeout_ms: int | None) -> PreparedTerms:
        """Returns the terms of a call that is tried at each deployment in turn.

        Args:
            ladder: the terms of each, as `followers` has chosen them.
            first_byte_timeout_ms: how long each attempt may take to begin its answer.
        """
        known = self._known.get(ladder)
        if known is None:
            known = self._join(ladder, first_byte_timeout_ms)
            self._known.remember(ladder, known)
        return known

    def _join(self, ladder: Sequence[PreparedTerms], first_byte_timeout_ms: int | None) -> PreparedTerms:
        all_terms = [one.terms for one in ladder]
        first = all_terms[0]
        rungs = tuple(
            Rung(terms.claims.provider, terms.claims.served_model, terms.claims.price_version, terms.claims.own_key)
            for terms in all_terms
        )
        targets = [_target_of(terms) for terms in all_terms]
        terms = replace(
            first,
            claims=replace(first.claims, rungs=rungs),
            route=replace(first.route, cluster=fallback_cluster(targets)),
        )
        lines = [
            encode_rung(target, one.route.upstream_path, one.claims.served_model)
            for target, one in zip(targets, all_terms, strict=True)
        ]
        attempts = {DecisionKey.LADDER: encode_ladder(lines)}
        if any(one.own_key for one in all_terms):
            attempts[DecisionKey.OWN_KEYS] = encode_own_keys([one.own_key for one in all_terms])
        if first_byte_timeout_ms is not None:
            attempts[DecisionKey.FIRST_BYTE_TIMEOUT] = str(first_byte_timeout_ms)
        quotes = {None if one.claims.streams else quote_of(one) for one in all_terms}
        if len(quotes) == 1 and (quote := quotes.pop()):
            attempts[DecisionKey.QUOTE] = quote
        return PreparedTerms(
            terms=terms,
            placing=ladder[0].placing,
            claims=encode_claims(terms.claims, self._signing_key),
            answer=shared_answer(terms, attempts),
        )


def followers(ladder: Sequence[PreparedTerms], attempts_max: int) -> tuple[PreparedTerms, ...]:
    """Returns the first deployment and those that may follow it within the same call.

    All of them must be served with the same body and the same hold: they count towards the same limits, and take the same flags
    and fields. A provider that may bill a call that failed is the last one.
    """
    first = ladder[0]
    chosen = [first]
    if first.terms.claims.endpoint not in _SEVERAL:
        return (first,)
    for one in ladder[1:]:
        if len(chosen) == attempts_max or not may_try_another(chosen[-1].terms.provider):
            break
        if _is_alike(first.terms, one.terms):
            chosen.append(one)
    return tuple(chosen)


def _is_alike(first: Terms, other: Terms) -> bool:
    return (
        other.limits == first.limits
        and other.claims.counters == first.claims.counters
        and other.claims.throttles == first.claims.throttles
        and other.shadow_refusals == first.shadow_refusals
        and other.route.inject_include_usage == first.route.inject_include_usage
        and other.route.output_limit_field == first.route.output_limit_field
        and other.provider.betas == first.provider.betas
    )


def _target_of(terms: Terms) -> str:
    return terms.provider.target(terms.claims.endpoint.dialect)
