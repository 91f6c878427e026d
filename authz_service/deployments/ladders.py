"""The deployments that may serve a call, in the order in which they are tried."""

from dataclasses import replace

from authz_service.deployments.attempts import Attempts, followers
from authz_service.deployments.standings import KnownStandings
from authz_service.request.terms import PreparedTerms, TermsMemory
from gateway_core.model.call_tags import Tags
from gateway_core.model.calls.decision import Admission, Parameters, admit
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal
from gateway_core.model.catalog.entries import Model
from gateway_core.model.deployments.balance import order_of
from gateway_core.model.deployments.fallbacks import MOST_ATTEMPTS, attempts_of
from gateway_core.model.deployments.health import caller_of
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.record_decorator import record


@record(frozen=True, slots=True, eq=False)
class Ladder:
    """How a call to a model with several deployments is served."""

    attempts: tuple[PreparedTerms, ...]
    """The terms of each attempt within the call, the first one first."""
    joined: PreparedTerms
    """Those of the whole call."""
    is_elsewhere: bool
    """Whether another deployment is healthy."""

    def admit(
        self,
        parameters: Parameters,
        body_bytes: int,
        *,
        now_epoch_us: int,
        hold_life_ms: int,
        hold_id: str,
        tags: Tags = (),
    ) -> Admission:
        """Returns the admission of a call: one hold, which reserves what the dearest attempt may cost."""
        each = [
            admit(
                one.terms,
                parameters,
                body_bytes,
                now_epoch_us=now_epoch_us,
                hold_life_ms=hold_life_ms,
                hold_id=hold_id,
                tags=tags,
            )
            for one in self.attempts
        ]
        dearest = max(each, key=lambda admission: admission.hold.amount_nano_credits)
        terms = self.joined.terms
        return Admission(hold=replace(dearest.hold, claims=terms.claims), terms=terms, share=dearest.share)


class Ladders:
    """Finds the terms of calls to models with several deployments. Calls to other models do not come here."""

    def __init__(self, terms: TermsMemory, standings: KnownStandings, signing_key: bytes) -> None:
        self._terms = terms
        self._standings = standings
        self._attempts = Attempts(signing_key)

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
    ) -> Ladder | Refusal:
        """Returns the deployments to try, the best first, or the refusal if the caller may call none.

        All but the first are healthy.

        Args:
            model: the model that serves the call.
            secret_hash: that of the key.
            principal: the caller.
            endpoint: the operation.
            parameters: the call.
            prices: the catalog.
            now_epoch_s: the time.
            only_provider: the provider that stores what the body names; None if it names nothing.
        """
        shut = self._standings.shut
        failed = self._standings.failed(principal.organization, principal.api_key)
        caller = parameters.session or caller_of(principal.organization, principal.api_key)
        own = {key.provider for key in principal.own_keys}
        providers = principal.providers_for(model.providers)
        order = order_of(model.deployments, caller, shut, failed, own)
        ladder: list[PreparedTerms] = []
        refusal: Refusal | None = None
        for index in order:
            deployment = model.deployments[index]
            if deployment.provider != (only_provider or deployment.provider) or deployment.provider not in providers:
                continue
            if len(ladder) == MOST_ATTEMPTS or (ladder and deployment.place in shut):
                break  # the order begins with those that are healthy
            placed = replace(parameters, deployment=index)
            prepared = self._terms.terms_of(secret_hash, principal, endpoint, placed, prices, now_epoch_s)
            if not isinstance(prepared, Refusal):
                ladder.append(prepared)
            elif refusal is None:
                refusal = prepared
        if not ladder:
            return refusal or self._agreed_anywhere(secret_hash, principal, endpoint, parameters, prices, now_epoch_s)
        if not ladder[0].terms.own_key:  # what becomes of a call with an own key says nothing about others
            self._standings.take_trial(ladder[0].place)
        attempts = (ladder[0],) if only_provider else followers(ladder, attempts_of(model.deployments))
        joined = ladder[0]
        if len(attempts) > 1:
            first = model.deployment_of(joined.terms.claims.provider, joined.terms.claims.served_model)
            joined = self._attempts.joined(attempts, first.first_byte_timeout_ms if first else None)
        return Ladder(attempts, joined, is_elsewhere=len(ladder) > 1)

    def _agreed_anywhere(
        self,
        secret_hash: bytes,
        principal: Principal,
        endpoint: Endpoint,
        parameters: Parameters,
        prices: CatalogView,
        now_epoch_s: float,
    ) -> Ladder | Refusal:
        """Returns the terms of a call that no deployment can serve, for the error about what it names."""
        prepared = self._terms.terms_of(secret_hash, principal, endpoint, parameters, prices, now_epoch_s)
        return prepared if isinstance(prepared, Refusal) else Ladder((prepared,), prepared, is_elsewhere=False)
