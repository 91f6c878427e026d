"""Answers `envoy.service.auth.v3.Authorization/Check`, the question that Envoy asks about every call."""

import itertools
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

import grpc
from envoy.service.auth.v3 import external_auth_pb2
from google.protobuf.message import DecodeError

from authz_service.authorizer import Admitted, Answered, Authorizer, Denied, Outcome
from authz_service.request.call import Call
from authz_service.request.envoy_messages import Forwarded, allow, answer, deny, forward, key_is_known, read_call
from authz_service.request.readings import FactsMemory
from gateway_core.contract.doors import KEY_QUESTION
from gateway_core.model.calls.holds import Hold
from gateway_core.runtime.telemetry import semconv
from gateway_core.runtime.telemetry.metrics import NO_METRICS, Metrics
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.runtime.unary import Metadata, StatusError, UnaryMethod, generic_handler
from gateway_core.stores.postgres.catalog_store import CatalogCache
from gateway_core.stores.postgres.notifications import Listener

logger = logging.getLogger(__name__)

_CHECK: Final = "/envoy.service.auth.v3.Authorization/Check"
_DECISIONS_PER_DURATION: Final = 16
"""The duration is measured for every sixteenth decision, including the first: measuring costs a tenth of a decision."""
_ALLOWED: Final = ((semconv.DECISION, "allowed"),)
_FORWARDED: Final = ((semconv.DECISION, "forwarded"),)
_ANSWERED: Final = ((semconv.DECISION, "answered"),)
_DENIED: Final = (semconv.DECISION, "denied")


class AuthzService:
    """Implements `envoy.service.auth.v3.Authorization`, independent of the transport."""

    service_names: Sequence[str] = (external_auth_pb2.DESCRIPTOR.services_by_name["Authorization"].full_name,)
    health_names: Sequence[str] = ()

    def __init__(
        self,
        authorizer: Authorizer,
        catalog: CatalogCache,
        identity_listener: Listener,
        tracing: Tracing,
        metrics: Metrics = NO_METRICS,
        is_warm: Callable[[], bool] = lambda: True,
    ) -> None:
        self._authorizer = authorizer
        self._catalog = catalog
        self._identity_listener = identity_listener
        self._tracing = tracing
        self._metrics = metrics
        self._is_warm = is_warm
        self._decisions = metrics.tally(semconv.AUTHZ_DECISIONS)
        self._facts = FactsMemory()
        self._measured = itertools.cycle(range(_DECISIONS_PER_DURATION))
        self._duration = metrics.histogram(semconv.AUTHZ_DURATION)
        self._shadow_refusals = metrics.counter(semconv.AUTHZ_SHADOW_REFUSALS)
        self._removed_betas = metrics.counter(semconv.AUTHZ_REMOVED_BETAS)
        self.unary_methods: Sequence[UnaryMethod] = (
            UnaryMethod(_CHECK, self._answer),
            UnaryMethod(KEY_QUESTION, self._answer_key_question),
        )

    def add_to(self, server: grpc.aio.Server) -> None:
        """Adds the handlers to the server."""
        server.add_generic_rpc_handlers((generic_handler(self.unary_methods),))

    def begin_stop(self) -> None:
        """Does nothing: every call of this service ends by itself."""

    def is_ready(self) -> bool:
        """Returns whether the catalog is loaded, identity changes are pushed, and busy keys are loaded or take too long."""
        return self._catalog.is_loaded and self._identity_listener.is_listening and self._is_warm()

    async def _answer(self, request: bytes, metadata: Metadata) -> bytes:
        """Answers one `CheckRequest` with a `CheckResponse`.

        Args:
            request: the serialized request of Envoy.
            metadata: the gRPC metadata of the call. `traceparent` continues Envoy's trace.
        """
        call = _read(request, self._facts)
        if not self._tracing.enabled:
            return _render(await self._decide(call), None)
        with self._tracing.continued("authorize", metadata) as span:
            outcome = await self._decide(call)
            if not span.is_recording():
                return _render(outcome, None)
            span.set_attributes(_attributes(outcome))
            return _render(outcome, metadata.get("traceparent"))

    async def _answer_key_question(self, request: bytes, _metadata: Metadata) -> bytes:
        """Answers whether the key of a call is valid (`KEY_QUESTION`)."""
        outcome = await self._authorizer.recognize(_read(request, self._facts))
        if not isinstance(outcome, Denied):
            return key_is_known(outcome.organization)
        self._decisions.add(*_decision(outcome))
        return deny(outcome.refusal, outcome.dialect, outcome.principal)

    async def _decide(self, call: Call) -> Outcome:
        start_s = time.monotonic()
        outcome = await self._authorizer.authorize(call)
        self._decisions.add(*_decision(outcome))
        if next(self._measured) == 0:
            self._duration.record(time.monotonic() - start_s)
        if isinstance(outcome, Admitted) and outcome.admission.hold.shadow_refusals:
            self._report_shadows(outcome.admission.hold)
        if isinstance(outcome, Admitted) and outcome.betas and outcome.betas.removed:
            provider = outcome.admission.hold.claims.provider
            self._removed_betas.add(1, {semconv.GEN_AI_PROVIDER_NAME: semconv.provider_name(provider)})
        return outcome

    def _report_shadows(self, hold: Hold) -> None:
        """Reports shadow refusals to operators. Settlement adds them to the counts of the guardrails."""
        kinds = [hold.claims.counters[index].kind for index in hold.shadow_refusals]
        for kind in kinds:
            self._shadow_refusals.add(1, {semconv.SCOPE_KIND: kind})
        logger.info(
            "guardrails in shadow mode would have refused an admitted call",
            extra={"hold_id": hold.hold_id, "organization": hold.claims.organization, "scopes": ",".join(kinds)},
        )


def _read(request: bytes, memory: FactsMemory) -> Call:
    """Raises StatusError: the bytes are no `CheckRequest`."""
    try:
        return read_call(external_auth_pb2.CheckRequest.FromString(request), memory)
    except DecodeError as error:
        raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, "the request is not a CheckRequest") from error


def _decision(outcome: Outcome) -> tuple[tuple[str, str], ...]:
    """Returns the metric labels of an outcome."""
    if isinstance(outcome, Admitted):
        return _ALLOWED
    if isinstance(outcome, Forwarded):
        return _FORWARDED
    if isinstance(outcome, Answered):
        return _ANSWERED
    return _DENIED, (semconv.DECISION_REASON, outcome.refusal.reason)


def _render(outcome: Outcome, traceparent: str | None) -> bytes:
    if isinstance(outcome, Admitted):
        return allow(
            outcome.admission,
            outcome.token,
            outcome.shared_answer,
            traceparent,
            outcome.betas,
            is_awaited=outcome.is_awaited,
            is_elsewhere=outcome.is_elsewhere,
        )
    if isinstance(outcome, Forwarded):
        return forward(outcome)
    if isinstance(outcome, Answered):
        return answer(outcome.body)
    return deny(outcome.refusal, outcome.dialect, outcome.principal)


def _attributes(outcome: Outcome) -> dict[str, str]:
    attributes = dict(_decision(outcome))
    if isinstance(outcome, Admitted):
        hold = outcome.admission.hold
        attributes |= {
            semconv.HOLD_ID: hold.hold_id,
            semconv.GEN_AI_REQUEST_MODEL: hold.claims.requested_model,
            semconv.GEN_AI_PROVIDER_NAME: semconv.provider_name(hold.claims.provider),
        }
    return attributes
