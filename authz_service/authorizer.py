"""Decides one call: finds its route, key, principal and parameters, makes the decision, and places the hold."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from authz_service.client_dialects import client_dialect, error_dialect
from authz_service.deployments.ladders import Ladder, Ladders
from authz_service.deployments.standings import KnownStandings
from authz_service.feedback.ratings import Ratings
from authz_service.holds.admission import Admissions, SeedingError
from authz_service.holds.ending_calls import line_of
from authz_service.holds.hold_ids import hold_id_of
from authz_service.holds.hold_writer import HoldWriter, PlacedHold
from authz_service.identities.cache import IdentityCache
from authz_service.identities.replaced_peppers import ReplacedPeppers
from authz_service.model_list import list_page
from authz_service.request.betas import Betas, read_betas
from authz_service.request.call import Call
from authz_service.request.credentials import UNKNOWN_KEY, KeyHashes, find_api_key
from authz_service.request.envoy_messages import Forwarded
from authz_service.request.parameters import read_parameters
from authz_service.request.readings import Readings
from authz_service.request.terms import PreparedTerms, TermsMemory
from authz_service.request.uploads import read_upload
from authz_service.request.values import tags_of
from authz_service.routes import Routes
from authz_service.stored_objects.forwarding import forward_stored
from authz_service.stored_objects.lookups import StoredObjects, TooManyLookupsError
from authz_service.stored_objects.store import Owner
from authz_service.unserved import explain_unserved
from gateway_core.model.call_tags import Tags
from gateway_core.model.calls.decision import MICROSECONDS_PER_SECOND, Admission, Parameters, Terms, admit
from gateway_core.model.calls.holds import sign_hold
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.placement_refusals import refuse_placement
from gateway_core.model.calls.placements import Placed, Refused
from gateway_core.model.calls.principals import Principal, refuse_principal
from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.calls.stored_objects import named, refuse_unknown, with_known_tokens
from gateway_core.model.endpoints import (
    Dialect,
    Endpoint,
    Feedback,
    FileUpload,
    Health,
    ModelCall,
    ModelList,
    Route,
    classify,
)
from gateway_core.model.limits.cycles import PeriodClock
from gateway_core.model.record_decorator import record
from gateway_core.model.routed_calls.decision import virtual_model_of
from gateway_core.stores.postgres import connections as postgres
from gateway_core.stores.redis import connections as redis
from gateway_core.stores.redis.placing import Rung

logger = logging.getLogger(__name__)

_UNAVAILABLE: Final = (*postgres.UNAVAILABLE, *redis.UNAVAILABLE, SeedingError, TooManyLookupsError)
_HEALTHY: Final = '{"status":"ok"}'
_TRY_AGAIN: Final = Refusal(
    RefusalReason.DEPENDENCY_UNAVAILABLE,
    "The gateway cannot check this call right now. Try again shortly.",
    retry_after_s=1,
)


@record(frozen=True, slots=True)
class Admitted:
    """The call may pass with this hold."""

    admission: Admission
    token: str
    betas: Betas | None
    """The flags of features in test that the call asks for; None if it asks for none."""
    shared_answer: bytes
    """The part of the response to Envoy that all calls with the same terms share (`envoy_messages.shared_answer`)."""
    is_awaited: bool = False
    """Whether another call may wait for the end of this one."""
    is_elsewhere: bool = False
    """Whether another deployment of the model, or another candidate, is healthy."""


@dataclass(frozen=True, slots=True)
class Answered:
    """authz_service answers the call itself. `body` is JSON."""

    body: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The call may not pass."""

    refusal: Refusal
    dialect: Dialect
    principal: Principal | None = None
    """Whose call it is, if the key is known."""


Outcome = Admitted | Forwarded | Answered | Denied


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secret keys of the deployment. They are never shown."""

    hold_signing_key: bytes = field(repr=False)
    key_pepper: bytes = field(repr=False)


@dataclass(slots=True)
class Authorizer:
    """Everything that a decision needs. Opened once per process."""

    identities: IdentityCache
    admissions: Admissions
    hold_writer: HoldWriter
    stored_objects: StoredObjects
    ratings: Ratings
    prices: Callable[[], CatalogView]
    secrets: Secrets
    hold_life_ms: int
    standings: KnownStandings
    replaced_peppers: ReplacedPeppers | None = None
    """None unless the deployment replaces its pepper."""
    now_ns: Callable[[], int] = time.time_ns
    random_bytes: Callable[[int], bytes] = os.urandom
    terms: TermsMemory = field(init=False, repr=False)
    routes: Routes = field(init=False, repr=False)
    ladders: Ladders = field(init=False, repr=False)
    readings: Readings = field(default_factory=Readings, init=False, repr=False)
    _key_hashes: KeyHashes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._key_hashes = KeyHashes(self.secrets.key_pepper)
        self.terms = TermsMemory(PeriodClock(), self.secrets.hold_signing_key)
        self.routes = Routes(PeriodClock(), self.secrets.hold_signing_key, self.standings)
        self.ladders = Ladders(self.terms, self.standings, self.secrets.hold_signing_key)

    async def authorize(self, call: Call) -> Outcome:
        """Returns the outcome of a call. It refuses the call if a dependency does not answer: no call passes unchecked."""
        path = call.path.partition("?")[0]
        reading = self.readings.find(call)
        route = reading.route if reading else classify(call.method, path, client_dialect(call))
        try:
            outcome = await self._authorize(call, path, route, reading.parameters if reading else None)
        except _UNAVAILABLE as error:
            logger.warning("call refused: a dependency is unavailable", extra={"error": type(error).__name__})
            outcome = _TRY_AGAIN
        if isinstance(outcome, Refusal):
            return Denied(outcome, error_dialect(call, path, route), self._remembered(call))
        return outcome

    async def recognize(self, call: Call) -> Principal | Denied:
        """Returns whose call it is, or why it must be refused whatever its body is. It places no hold.

        Envoy asks this at the headers of a call whose key it does not know, and keeps no byte of the body before.
        """
        path = call.path.partition("?")[0]
        route = classify(call.method, path, client_dialect(call))
        try:
            known = await self._principal_of(call, self.now_ns()) if route else _unserved(call, path)
        except _UNAVAILABLE as error:
            logger.warning("key not checked: a dependency is unavailable", extra={"error": type(error).__name__})
            known = _TRY_AGAIN
        if not isinstance(known, Refusal):
            return known[0]
        return Denied(known, error_dialect(call, path, route), self._remembered(call))

    def _remembered(self, call: Call) -> Principal | None:
        """Returns whose call a refused call is, if the decision has found that out."""
        key = find_api_key(call)
        return None if isinstance(key, Refusal) else self.identities.remembered(self._key_hashes.hash_of(key))

    async def _principal_of(self, call: Call, now_ns: int) -> tuple[Principal, bytes] | Refusal:
        """Returns whose call it is, and the hash of the key."""
        key = find_api_key(call)
        if isinstance(key, Refusal):
            return key
        secret_hash = self._key_hashes.hash_of(key)
        principal = self.identities.remembered(secret_hash) or await self.identities.principal_of(secret_hash)
        if principal is None:
            found = await self.replaced_peppers.find(key, secret_hash) if self.replaced_peppers else None
            if found is None:
                return UNKNOWN_KEY
            secret_hash, principal = found
        if refusal := refuse_principal(principal, now_ns / 10**9, call.address):
            return refusal
        return principal, secret_hash

    async def _authorize(
        self, call: Call, path: str, route: Route | None, known: Parameters | None
    ) -> Admitted | Forwarded | Answered | Refusal:
        if isinstance(route, Health):
            return Answered(_HEALTHY)
        if route is None:
            return _unserved(call, path)
        now_ns = self.now_ns()
        identified = await self._principal_of(call, now_ns)
        if isinstance(identified, Refusal):
            return identified
        principal, secret_hash = identified
        if isinstance(route, ModelCall):
            parameters = known or self._read(call, route)
            return await self._admit(call, route.endpoint, parameters, principal, secret_hash, now_ns // 1_000)
        if isinstance(route, ModelList | Feedback):
            if isinstance(route, ModelList):
                body = list_page(route, call.query, principal, self.prices(), now_ns / 10**9)
            else:
                body = await self.ratings.take(call, principal)
            return body if isinstance(body, Refusal) else Answered(body)
        if isinstance(route, FileUpload):
            upload = read_upload(call, route.endpoint, self.prices().models)
            return await self._admit(call, route.endpoint, upload, principal, secret_hash, now_ns // 1_000)
        return await forward_stored(route, call, principal.at(now_ns / 10**9), self.stored_objects, self.prices())

    def _read(self, call: Call, route: ModelCall) -> Parameters | Refusal:
        parameters = read_parameters(call, route)
        if not isinstance(parameters, Refusal):
            self.readings.remember(call, route, parameters)
        return parameters

    async def _admit(
        self,
        call: Call,
        endpoint: Endpoint,
        parameters: Parameters | Refusal,
        principal: Principal,
        secret_hash: bytes,
        now_epoch_us: int,
    ) -> Admitted | Refusal:
        """Places the hold that the call needs. Returns the refusal in place of parameters as it is."""
        if isinstance(parameters, Refusal):
            return parameters
        tags = tags_of(call)
        if isinstance(tags, Refusal):
            return tags
        if self.hold_writer.is_full:
            return _TRY_AGAIN
        prices, now_epoch_s = self.prices(), now_epoch_us / MICROSECONDS_PER_SECOND
        virtual = virtual_model_of(parameters.model, principal, prices)
        cheaper: Sequence[Parameters] = ()
        if virtual is not None:
            routed = self.routes.route(
                call, secret_hash, principal, endpoint, parameters, virtual, prices, tags, now_epoch_s
            )
            if isinstance(routed, Refusal):
                return routed
            parameters, *cheaper = routed
        prepared, ladder = await self._terms_of(parameters, secret_hash, principal, endpoint, prices, now_epoch_s)
        if isinstance(prepared, Refusal):
            return prepared
        if parameters.references:
            known = await self._with_references(parameters, principal, prepared.terms)
            if isinstance(known, Refusal):
                return known
            parameters = known
        hold_id = hold_id_of(call, now_epoch_us // 1_000, self.random_bytes)
        possible = [(prepared, self._admission_of(call, parameters, prepared, ladder, now_epoch_us, tags, hold_id))]
        for other in cheaper:
            terms = self._cheaper_terms(other, prepared, secret_hash, principal, endpoint, prices, now_epoch_s)
            if terms is not None:
                possible.append((terms, self._admission_of(call, other, terms, None, now_epoch_us, tags, hold_id)))
        has_others = ladder is not None and ladder.is_elsewhere
        return await self._placed(call, possible, principal, is_elsewhere=parameters.is_elsewhere or has_others)

    async def _terms_of(
        self,
        parameters: Parameters,
        secret_hash: bytes,
        principal: Principal,
        endpoint: Endpoint,
        prices: CatalogView,
        now_epoch_s: float,
    ) -> tuple[PreparedTerms | Refusal, Ladder | None]:
        """Returns the terms of a call or the refusal, and the ladder if its model has several deployments."""
        model = prices.models.get(parameters.model) if prices.has_deployments else None
        if model is None or not model.deployments:
            return self.terms.terms_of(secret_hash, principal, endpoint, parameters, prices, now_epoch_s), None
        stored_at = await self._provider_of_references(parameters, principal) if parameters.references else None
        found = self.ladders.ladder_of(
            model, secret_hash, principal, endpoint, parameters, prices, now_epoch_s, stored_at
        )
        return (found, None) if isinstance(found, Refusal) else (found.joined, found)

    async def _placed(
        self,
        call: Call,
        possible: Sequence[tuple[PreparedTerms, Admission]],
        principal: Principal,
        *,
        is_elsewhere: bool,
    ) -> Admitted | Refusal:
        """Places the first of the possible holds that fits: the later ones are for budgets that are nearly used up."""
        degrade_at, last = principal.routing.policy.degrade_at_percent, possible[-1][1]
        rungs = [
            Rung(terms.placing, one.hold, one.share, None if one is last else degrade_at) for terms, one in possible
        ]
        placement = await self.admissions.place(rungs, partial(line_of, last))
        if isinstance(placement, Refused):
            return refuse_placement(last, placement)
        prepared, admission = possible[placement.rung]
        terms = prepared.terms
        betas = read_betas(call, terms.claims.endpoint.dialect, terms.provider)
        return self._admitted(admission, placement, prepared, betas, is_elsewhere and placement.rung == 0)

    def _cheaper_terms(
        self,
        parameters: Parameters,
        chosen: PreparedTerms,
        secret_hash: bytes,
        principal: Principal,
        endpoint: Endpoint,
        prices: CatalogView,
        now_epoch_s: float,
    ) -> PreparedTerms | None:
        """Returns the terms of the call to a cheaper model; None if one placement cannot choose between it and the chosen one.

        A model with limits of its own has other counters, and one with several deployments has its own way of being placed.
        """
        model = prices.models.get(parameters.model)
        if model is None or model.deployments:
            return None
        found = self.terms.terms_of(secret_hash, principal, endpoint, parameters, prices, now_epoch_s)
        return None if isinstance(found, Refusal) or found.placing.keys != chosen.placing.keys else found

    def _admission_of(
        self,
        call: Call,
        parameters: Parameters,
        prepared: PreparedTerms,
        ladder: Ladder | None,
        now_epoch_us: int,
        tags: Tags,
        hold_id: str,
    ) -> Admission:
        """Returns the admission with the hold that the call needs, not yet placed."""
        size, life_ms = call.body_bytes, self.hold_life_ms
        if ladder is not None:
            return ladder.admit(
                parameters, size, now_epoch_us=now_epoch_us, hold_life_ms=life_ms, hold_id=hold_id, tags=tags
            )
        return admit(
            prepared.terms,
            parameters,
            size,
            now_epoch_us=now_epoch_us,
            hold_life_ms=life_ms,
            hold_id=hold_id,
            tags=tags,
        )

    async def _provider_of_references(self, parameters: Parameters, principal: Principal) -> str | None:
        """Returns the provider that stores what the body names; None unless it is a single one."""
        owner = Owner(principal.organization, principal.member)
        found = await self.stored_objects.find(owner, None, named(parameters.references))
        providers = {stored.provider for stored in found.values()}
        return providers.pop() if len(providers) == 1 else None

    async def _with_references(
        self, parameters: Parameters, principal: Principal, terms: Terms
    ) -> Parameters | Refusal:
        """Returns the parameters with the size of what the body names, or the refusal of what the caller may not name."""
        names = named(parameters.references)
        owner = Owner(principal.organization, principal.member)
        found = await self.stored_objects.find(owner, terms.provider.name, names)
        for name in names:
            if name not in found:
                return refuse_unknown(name, terms.claims.endpoint.dialect)
        if parameters.size is None:
            return parameters
        return replace(parameters, size=with_known_tokens(parameters.size, found, terms.model.name))

    def _admitted(
        self,
        asked: Admission,
        placement: Placed,
        prepared: PreparedTerms,
        betas: Betas | None,
        is_elsewhere: bool,  # noqa: FBT001 - as the field
    ) -> Admitted:
        shadow = asked.hold.shadow_refusals
        if placement.shadow_refusals:
            shadow = tuple(sorted({*shadow, *placement.shadow_refusals}))
        admission = asked.placed(placement, shadow)
        token = sign_hold(admission.hold, self.secrets.hold_signing_key, prepared.claims)
        self.hold_writer.append(PlacedHold(admission.hold, token, placement.generation))
        is_awaited = self.admissions.awaits_ends(prepared.terms.claims.organization)
        return Admitted(admission, token, betas, prepared.answer, is_awaited, is_elsewhere)


def _unserved(call: Call, path: str) -> Refusal:
    return Refusal(RefusalReason.ENDPOINT_NOT_SUPPORTED, explain_unserved(call.method, path))
