"""Answers one call: route, key, principal, parameters, decision, hold. The only place where these meet."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from authz_service.admission import Admissions, SeedingError
from authz_service.call import Call
from authz_service.credentials import INVALID_KEY, find_api_key
from authz_service.identity import IdentityCache
from authz_service.model_list import list_models
from authz_service.parameters import read_parameters
from authz_service.register import HoldRegister, PlacedHold
from authz_service.terms import TermsMemory
from gateway_core.domain.api_keys import hash_api_key
from gateway_core.domain.cycles import PeriodClock
from gateway_core.domain.decision import MICROSECONDS_PER_SECOND, Admission, Prices, admit, refuse_principal
from gateway_core.domain.dialects import Dialect, ModelCall, ModelList, classify, dialect_of_path
from gateway_core.domain.holds import shared_claims, sign_hold
from gateway_core.domain.ids import make_id
from gateway_core.domain.placement_refusals import refuse_placement
from gateway_core.domain.placements import Refused
from gateway_core.domain.principals import Principal
from gateway_core.domain.refusals import Refusal, RefusalReason
from gateway_core.edges.postgres import connections as postgres
from gateway_core.edges.redis import connections as redis

logger = logging.getLogger(__name__)

_UNAVAILABLE: Final = (*postgres.UNAVAILABLE, *redis.UNAVAILABLE, SeedingError)
_TRY_AGAIN: Final = Refusal(
    RefusalReason.DEPENDENCY_UNAVAILABLE,
    "The gateway cannot check this call right now. Try again shortly.",
    retry_after_s=1,
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """The call passes with this hold."""

    admission: Admission
    token: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The call is answered here; `body` is JSON."""

    body: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The call does not pass."""

    refusal: Refusal
    dialect: Dialect


Outcome = Admitted | Answered | Denied


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys of the deployment; never shown."""

    hold_signing_key: bytes = field(repr=False)
    key_pepper: bytes = field(repr=False)


@dataclass(slots=True)
class Authorizer:
    """Everything a decision needs, opened once."""

    identities: IdentityCache
    admissions: Admissions
    register: HoldRegister
    prices: Callable[[], Prices]
    secrets: Secrets
    hold_life_ms: int
    now_ns: Callable[[], int] = time.time_ns
    random_bytes: Callable[[int], bytes] = os.urandom
    terms: TermsMemory = field(default_factory=lambda: TermsMemory(PeriodClock()))

    async def authorize(self, call: Call) -> Outcome:
        """The outcome of a call. A dependency that does not answer refuses it: nothing passes unchecked."""
        path = call.path.partition("?")[0]
        dialect = dialect_of_path(path)
        route = classify(call.method, path, _client_dialect(call))
        if isinstance(route, ModelList):
            dialect = route.dialect
        try:
            outcome = await self._authorize(call, route)
        except _UNAVAILABLE as error:
            logger.warning("call refused: a dependency is unavailable", extra={"error": type(error).__name__})
            outcome = _TRY_AGAIN
        return Denied(outcome, dialect) if isinstance(outcome, Refusal) else outcome

    async def _authorize(self, call: Call, route: ModelCall | ModelList | None) -> Admitted | Answered | Refusal:
        if route is None:
            asked = f"{call.method} {call.path.partition('?')[0][:200]}"
            message = f"{asked} is not served here. See the documentation for the endpoints."
            return Refusal(RefusalReason.ENDPOINT_NOT_SUPPORTED, message)
        key = find_api_key(call)
        if isinstance(key, Refusal):
            return key
        secret_hash = hash_api_key(key, self.secrets.key_pepper)
        principal = await self._authenticate(call, secret_hash)
        if isinstance(principal, Refusal):
            return principal
        if isinstance(route, ModelList):
            listing = list_models(route, principal, self.prices().models.values(), self.now_ns() / 10**9)
            return listing if isinstance(listing, Refusal) else Answered(listing)
        return await self._admit(call, route, principal, secret_hash)

    async def _authenticate(self, call: Call, secret_hash: bytes) -> Principal | Refusal:
        principal = self.identities.remembered(secret_hash) or await self.identities.principal_of(secret_hash)
        if principal is None:
            return INVALID_KEY
        return refuse_principal(principal, self.now_ns() / 10**9, call.address) or principal

    async def _admit(
        self, call: Call, route: ModelCall, principal: Principal, secret_hash: bytes
    ) -> Admitted | Refusal:
        parameters = read_parameters(call, route)
        if isinstance(parameters, Refusal):
            return parameters
        if self.register.is_full:
            return _TRY_AGAIN
        now_epoch_us = self.now_ns() // 1_000
        terms = self.terms.terms_of(
            secret_hash, principal, route.endpoint, parameters, self.prices(), now_epoch_us / MICROSECONDS_PER_SECOND
        )
        if isinstance(terms, Refusal):
            return terms
        admission = admit(
            terms,
            parameters,
            call.body_bytes,
            now_epoch_us=now_epoch_us,
            hold_life_ms=self.hold_life_ms,
            hold_id=make_id("hold", now_epoch_us // 1_000, self.random_bytes(10)),
        )
        placement = await self.admissions.place(admission)
        if isinstance(placement, Refused):
            return refuse_placement(admission, placement)
        shadow = admission.hold.shadow_refusals
        if placement.shadow_refusals:
            shadow = tuple(sorted({*shadow, *placement.shadow_refusals}))
        admission = admission.placed(placement.number, shadow, placement.tokens_left)
        token = sign_hold(admission.hold, self.secrets.hold_signing_key, admission.derived(_claims))
        self.register.append(PlacedHold(admission.hold, token, placement.generation))
        return Admitted(admission, token)


def _claims(admission: Admission) -> str:
    return shared_claims(admission.hold)


def _client_dialect(call: Call) -> Dialect:
    if call.header("anthropic-version"):
        return Dialect.ANTHROPIC
    return Dialect.GEMINI if call.header("x-goog-api-key") else Dialect.OPENAI
