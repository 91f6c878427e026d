"""The only path into every RPC: authenticate, authorize, validate, handle, in this order (AIP-211)."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn, Protocol

import asyncpg
import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_status import rpc_status

from admin_service.access.authorization import (
    Asked,
    Caller,
    OperatorCaller,
    Origin,
    UserCaller,
    authorize,
    authorize_operator,
    authorize_user,
    origin_of,
    require_linked,
)
from admin_service.access.directory import Grant
from admin_service.access.identity_tokens import EdgeProof, Metadata
from admin_service.access.rpc_declarations import Method, MethodDeclarationError, declared_methods
from admin_service.api.errors import (
    AdminError,
    FieldViolation,
    dependency_unavailable,
    internal_fault,
    invalid_fields,
    status_of,
    unauthenticated,
)
from admin_service.serving.change_transaction import Changes, MakeChange
from admin_service.serving.questions import Questions
from gateway_core.runtime.telemetry.semconv import RPC_METHOD, RPC_SYSTEM_NAME
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.connections import UNAVAILABLE
from gateway_core.stores.postgres.organization_wall import acting_for

logger = logging.getLogger(__name__)

_SCHEME: Final = "bearer"
_MAX_VIOLATIONS: Final = 20

Handle = Callable[[Any, Any], Awaitable[Message]]
"""Takes a request and its `Caller` (or `UserCaller` or `OperatorCaller`), and returns the answer. Changes nothing."""
Rule = Callable[[Any], Iterable[FieldViolation]]


class BearerTokens(Protocol):
    """Finds the user of a credential, as `admin_service.sign_in.people.BearerTokens` does."""

    async def grant(self, token: str, metadata: Metadata) -> Grant | None:
        """Returns what a bearer token allows, or None if it is not valid."""


class ResourceApi(Protocol):
    """The RPCs of one kind of resource."""

    service: ServiceDescriptor
    handlers: Mapping[str, Handle]
    """Handlers of the RPCs that change nothing, by RPC name."""
    changes: Mapping[str, MakeChange]
    """Handlers of the RPCs that change something, by RPC name."""
    rules: Mapping[str, Rule]
    """Checks beyond the rules in the proto, by RPC name.

    An API may also have `refusals`, by RPC name: what records a refused change in the audit log. `questions`: names of RPCs in
    `handlers` that read much usage, in which each organization has a share. And `scope`, if its requests name no organization:
    what writes that of the credential into a request, before the caller is authorized.
    """


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: AdminError) -> NoReturn:
    """Ends a call with an error and its details."""
    status = rpc_status.to_status(status_of(error))
    await context.abort(error.code, error.message, status.trailing_metadata)


class Guard:
    """Wraps the RPCs of a service."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        identities: BearerTokens,
        proof: EdgeProof,
        tracing: Tracing,
        make_incident_id: Callable[[], str],
        questions: Questions,
        *,
        offers_personal_accounts: bool,
    ) -> None:
        self._pool = pool
        self._proof = proof
        self._identities = identities
        self._changes = Changes(pool)
        self._tracing = tracing
        self._make_incident_id = make_incident_id
        self._questions = questions
        self._offers_personal_accounts = offers_personal_accounts

    def generic_handler(self, api: ResourceApi) -> "grpc.GenericRpcHandler[Any, Any]":
        """Returns the service for a gRPC server.

        Raises:
            MethodDeclarationError: an RPC declares no permission, or has no handler or two.
        """
        methods = declared_methods(api.service)
        names = [method.descriptor.name for method in methods]
        if sorted(names) != sorted([*api.handlers, *api.changes]):
            differing = sorted(set(names) ^ {*api.handlers, *api.changes}) or sorted(
                api.handlers.keys() & api.changes.keys()
            )
            raise MethodDeclarationError(f"{api.service.full_name}: RPCs and handlers differ in {differing}")
        return grpc.method_handlers_generic_handler(
            api.service.full_name, {method.descriptor.name: self._rpc(method, api) for method in methods}
        )

    def _rpc(self, method: Method, api: ResourceApi) -> "grpc.RpcMethodHandler[Any, Any]":
        async def serve(request: Message, context: grpc.aio.ServicerContext[Any, Any]) -> Message:
            try:
                return await self.traced_call(method, api, request, tuple(context.invocation_metadata() or ()))
            except AdminError as error:
                await abort(context, error)

        return grpc.unary_unary_rpc_method_handler(
            serve,
            request_deserializer=GetMessageClass(method.descriptor.input_type).FromString,
            response_serializer=GetMessageClass(method.descriptor.output_type).SerializeToString,
        )

    async def traced_call(
        self, method: Method, api: ResourceApi, request: Message, metadata: Sequence[tuple[str, str | bytes]]
    ) -> Message:
        """Serves one call in a span that continues the caller's trace.

        Raises:
            AdminError: as for `call`.
        """
        headers = {key: value for key, value in metadata if isinstance(value, str)}
        with self._tracing.continued(method.full_name, headers) as span:
            span.set_attributes({RPC_SYSTEM_NAME: "grpc", RPC_METHOD: method.full_name})
            return await self.call(method, api, request, metadata)

    async def call(
        self, method: Method, api: ResourceApi, request: Message, metadata: Sequence[tuple[str, str | bytes]]
    ) -> Message:
        """Serves one call, over any transport.

        Raises:
            AdminError: for every failure, including those of the database and faults of the service.
        """
        try:
            grant = await self._authenticate(metadata)
            require_linked(grant, method.permission)
            if scope := getattr(api, "scope", None):
                scope(request, grant)
            asked = Asked(method, request, grant, self._origin(metadata), self._offers_personal_accounts)
            rule = api.rules.get(method.descriptor.name)
            make = api.changes.get(method.descriptor.name)
            if make:
                return await self._change(asked, make, lambda: _validate(method, rule, request), api)
            caller = await self._authorize(asked)
            _validate(method, rule, request)
            handle = api.handlers[method.descriptor.name]
            if isinstance(caller, Caller) and method.descriptor.name in getattr(api, "questions", ()):
                async with self._questions.of(caller.actor.organization):
                    return await handle(request, caller)
            return await handle(request, caller)
        except AdminError:
            raise
        except UNAVAILABLE as error:
            logger.warning("PostgreSQL does not answer", extra={"error": type(error).__name__})
            raise dependency_unavailable() from error
        except Exception as error:
            incident = self._make_incident_id()
            logger.exception(
                "the service failed to handle a call", extra={"incident": incident, "method": method.full_name}
            )
            raise internal_fault(incident) from error

    async def _change(self, asked: Asked, make: MakeChange, validate: Callable[[], None], api: ResourceApi) -> Message:
        try:
            return await self._changes.run(asked, make, validate)
        except AdminError as error:
            record = getattr(api, "refusals", {}).get(asked.method.descriptor.name)
            if record:
                await self._changes.record_refusal(asked, record, error)
            raise

    async def _authenticate(self, metadata: Sequence[tuple[str, str | bytes]]) -> Grant:
        credentials = [value for key, value in metadata if key == "authorization"]
        if len(credentials) != 1 or not isinstance(credentials[0], str):
            raise unauthenticated()
        scheme, _, token = credentials[0].partition(" ")
        grant = await self._identities.grant(token.strip(), metadata) if scheme.lower() == _SCHEME else None
        if grant is None:
            raise unauthenticated()
        return grant

    def _origin(self, metadata: Metadata) -> Origin:
        """Returns an unknown origin if the call did not come through Envoy, because any client could set these headers."""
        return origin_of(metadata) if self._proof.holds(metadata) else Origin()

    async def _authorize(self, asked: Asked) -> Caller | UserCaller | OperatorCaller:
        if asked.method.is_for_users:
            return authorize_user(asked)
        async with acting_for(self._pool, *asked.organizations) as connection:
            if asked.method.is_for_operators:
                return await authorize_operator(connection, asked)
            return await authorize(connection, asked)


def _validate(method: Method, rule: Rule | None, request: Message) -> None:
    violations = method.check(request)
    if rule and not violations:
        violations.extend(rule(request))
    if violations:
        raise invalid_fields(*violations[:_MAX_VIOLATIONS])
