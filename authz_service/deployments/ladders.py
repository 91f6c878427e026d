"""The deployments that may serve a call, in the order in which they are tried."""

from dataclasses import replace
from typing import Final

from authz_service.deployments.balance import order_of
from authz_service.deployments.standings import KnownStandings
from authz_service.request.terms import PreparedTerms, TermsMemory
from gateway_core.model.calls.decision import CatalogView, Parameters
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.catalog.entries import Model
from gateway_core.model.endpoints import Endpoint

MOST_ATTEMPTS: Final = 3


class Ladders:
    """Finds the terms of calls to models with several deployments. Calls to other models do not come here."""

    def __init__(self, terms: TermsMemory, standings: KnownStandings) -> None:
        self._terms = terms
        self._standings = standings

    def ladder_of(
        self,
        model: Model,
        secret_hash: bytes,
        principal: Principal,
        endpoint: Endpoint,
        parameters: Parameters,
        prices: CatalogView,
        now_epoch_s: float,
        only_provider: str | None = None,
    ) -> tuple[PreparedTerms, ...] | Refusal:
        """Returns the terms of the deployments to try, the best first, or the refusal if the caller may call none.

        All but the first are healthy.

        Args:
            model: the model that serves the call.
            secret_hash: that of the key, by which callers are spread.
            principal: the caller.
            endpoint: the operation.
            parameters: the call.
            prices: the catalog.
            now_epoch_s: the time.
            only_provider: the provider that stores what the body names; None if it names nothing.
        """
        shut = self._standings.shut
        failed = self._standings.failed(principal.organization, principal.api_key)
        order = order_of(model.deployments, secret_hash, shut, failed)
        ladder: list[PreparedTerms] = []
        refusal: Refusal | None = None
        for index in order:
            deployment = model.deployments[index]
            if only_provider is not None and deployment.provider != only_provider:
                continue
            if len(ladder) == MOST_ATTEMPTS or (ladder and deployment.place in shut):
                break
            placed = replace(parameters, deployment=index)
            prepared = self._terms.terms_of(secret_hash, principal, endpoint, placed, prices, now_epoch_s)
            if not isinstance(prepared, Refusal):
                ladder.append(prepared)
            elif refusal is None:
                refusal = prepared
        if not ladder:
            return refusal or self._agreed_anywhere(secret_hash, principal, endpoint, parameters, prices, now_epoch_s)
        self._standings.take_trial(ladder[0].place)
        return tuple(ladder)

    def _agreed_anywhere(
        self,
        secret_hash: bytes,
        principal: Principal,
        endpoint: Endpoint,
        parameters: Parameters,
        prices: CatalogView,
        now_epoch_s: float,
    ) -> tuple[PreparedTerms, ...] | Refusal:
        """Returns the terms of a call that no deployment can serve, for the error about what it names."""
        prepared = self._terms.terms_of(secret_hash, principal, endpoint, parameters, prices, now_epoch_s)
        return prepared if isinstance(prepared, Refusal) else (prepared,)
