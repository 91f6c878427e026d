"""The one way into every RPC: authenticate, authorize, validate, handle, in this order (AIP-211)."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_status import rpc_status

from admin_service.errors import (
    AdminError,
    FieldViolation,
    dependency_unavailable,
    internal_fault,
    invalid_fields,
    permission_denied,
    status_of,
    unauthenticated,
)
from admin_service.methods import Method, MethodDeclarationError, declared_methods
from admin_service.resource_names import ResourceName
from gateway_core.domain.permissions import Actor, Target, may
from gateway_core.edges.postgres.connections import UNAVAILABLE
from gateway_core.edges.telemetry.semconv import RPC_METHOD, RPC_SYSTEM_NAME
from gateway_core.edges.telemetry.tracing import Tracing

logger = logging.getLogger(__name__)

_SCHEME: Final = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, on what: everything a handler learns beside the request."""

    user: str
    actor: Actor
    resource: ResourceName


Handle = Callable[[Any, Caller], Awaitable[Message]]
Rule = Callable[[Any], Iterable[FieldViolation]]


class People(Protocol):
    """What authentication and authorization ask for; `admin_service.directory.Directory`."""

    async def user_of_token(self, token: str) -> str | None:
        """The user a valid access token belongs to."""

    async def actor(self, user: str, organization: str) -> Actor | None:
        """The user as an active member of the organization."""

    async def target(self, name: ResourceName) -> Target | None:
        """The resource with its owner; None when it does not exist."""


class ResourceApi(Protocol):
    """The RPCs of one kind of resource."""

    service: ServiceDescriptor
    handlers: Mapping[str, Handle]
    """By name of the RPC."""
    rules: Mapping[str, Rule]
    """By name of the RPC, where a request must be checked beyond its required fields."""


class Guard:
    """Wraps the RPCs of a service."""

    def __init__(self, people: People, tracing: Tracing, make_incident_id: Callable[[], str]) -> None:
        self._people = people
        self._tracing = tracing
        self._make_incident_id = make_incident_id

    def generic_handler(self, api: ResourceApi) -> "grpc.GenericRpcHandler[Any, Any]":
        """The service for a gRPC server.

        Raises:
            MethodDeclarationError: an RPC declares no permission, or has no handler.
        """
        methods = declared_methods(api.service)
        missing = {method.descriptor.name for method in methods} ^ api.handlers.keys()
        if missing:
            raise MethodDeclarationError(f"{api.service.full_name}: RPCs and handlers differ in {sorted(missing)}")
        return grpc.method_handlers_generic_handler(
            api.service.full_name, {method.descriptor.name: self._rpc(method, api) for method in methods}
        )

    def _rpc(self, method: Method, api: ResourceApi) -> "grpc.RpcMethodHandler[Any, Any]":
        async def serve(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> Message:
            metadata = tuple(context.invocation_metadata() or ())
            headers = {key: value for key, value in metadata if isinstance(value, str)}
            with self._tracing.continued(method.full_name, headers) as span:
                span.set_attributes({RPC_SYSTEM_NAME: "grpc", RPC_METHOD: method.full_name})
                try:
                    return await self.call(method, api, request, metadata)
                except AdminError as error:
                    status = rpc_status.to_status(status_of(error))
                    await context.abort(error.code, error.message, status.trailing_metadata)

        return grpc.unary_unary_rpc_method_handler(
            serve,
            request_deserializer=GetMessageClass(method.descriptor.input_type).FromString,
            response_serializer=GetMessageClass(method.descriptor.output_type).SerializeToString,
        )

    async def call(
        self, method: Method, api: ResourceApi, request: Message, metadata: Sequence[tuple[str, str | bytes]]
    ) -> Message:
        """One call, whatever transport brings it.

        Raises:
            AdminError: every failure, those of the database and our own faults included.
        """
        try:
            user = await self._authenticate(metadata)
            caller = await self._authorize(method, request, user)
            _validate(method, api.rules.get(method.descriptor.name), request)
            return await api.handlers[method.descriptor.name](request, caller)
        except AdminError:
            raise
        except UNAVAILABLE as error:
            logger.warning("PostgreSQL does not answer", extra={"error": type(error).__name__})
            raise dependency_unavailable() from error
        except Exception as error:
            incident = self._make_incident_id()
            logger.exception("a call failed", extra={"incident": incident, "method": method.full_name})
            raise internal_fault(incident) from error

    async def _authenticate(self, metadata: Sequence[tuple[str, str | bytes]]) -> str:
        credentials = [value for key, value in metadata if key == "authorization"]
        if len(credentials) != 1 or not isinstance(credentials[0], str):
            raise unauthenticated()
        scheme, _, token = credentials[0].partition(" ")
        user = await self._people.user_of_token(token.strip()) if scheme.lower() == _SCHEME else None
        if user is None:
            raise unauthenticated()
        return user

    async def _authorize(self, method: Method, request: Message, user: str) -> Caller:
        resource = method.named_resource(request)
        actor = resource and await self._people.actor(user, resource.organization)
        target = resource and actor and await self._people.target(resource)
        if not (resource and actor and target and may(actor, method.permission, target)):
            raise permission_denied(method.permission, str(getattr(request, method.resource_field))[:200])
        return Caller(user, actor, resource)


def _validate(method: Method, rule: Rule | None, request: Message) -> None:
    violations = [FieldViolation(field, "is required") for field in method.missing_fields(request)]
    if rule and not violations:
        violations.extend(rule(request))
    if violations:
        raise invalid_fields(*violations)
