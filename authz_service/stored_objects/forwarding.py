"""Calls about stored responses and files. They go to the provider that stores the object, cost nothing, and place no hold."""

from typing import Final

from authz_service.request.betas import read_betas
from authz_service.request.call import Call
from authz_service.request.envoy_messages import Forwarded
from authz_service.stored_objects.lookups import StoredObjects
from authz_service.stored_objects.store import Owner
from gateway_core.model.calls.named_models import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, refuse_parameter
from gateway_core.model.calls.stored_objects import ObjectKind, ObjectName, StoredObject, refuse_unknown_object
from gateway_core.model.catalog.providers.provider import Provider
from gateway_core.model.endpoints import Dialect, Endpoint, FileCall, passed_query
from gateway_core.model.file_calls import FileOperation, file_path
from gateway_core.model.limits.request_limits import encode_limits, rate_limits_of
from gateway_core.model.stored_calls import StoredCall, StoredOperation, stored_path

_CALL: Final = "call"
_STREAM: Final = "stream=true"
_DELETIONS: Final = frozenset({StoredOperation.DELETE, FileOperation.DELETE})


async def forward_stored(
    route: StoredCall | FileCall, call: Call, principal: Principal, objects: StoredObjects, catalog: CatalogView
) -> Forwarded | Refusal:
    """Returns where a call about a stored object goes, or the refusal if the object is not the caller's.

    `principal` has the limits that are in force now. A deletion also ends the caller's right to name the object.

    Raises:
        TooManyLookupsError: the object is unknown, and too many calls wait for theirs.
        Errors in `connections.UNAVAILABLE`, if the database does not answer.
    """
    if isinstance(route, StoredCall) and _STREAM in call.query.split("&"):
        return refuse_parameter(
            "stream", "only a background response can be streamed again, and those are not supported"
        )
    name = _name(route)
    owner = Owner(principal.organization, principal.member)
    stored = (await objects.find(owner, None, [name])).get(name)
    provider = catalog.providers.get(stored.provider) if stored else None
    if stored is None or provider is None or not _stores_for(provider, route):
        return refuse_unknown_object(name)
    if route.operation in _DELETIONS and not await objects.end(owner, stored):
        return refuse_unknown_object(name)
    return _forwarded(route, call, principal, stored, provider)


def _name(route: StoredCall | FileCall) -> ObjectName:
    if isinstance(route, StoredCall):
        return ObjectName(ObjectKind.RESPONSE, route.response_id)
    return ObjectName(ObjectKind.FILE, route.file_id)


def _dialect(route: StoredCall | FileCall) -> Dialect:
    return Dialect.OPENAI if isinstance(route, StoredCall) else route.dialect


def _stores_for(provider: Provider, route: StoredCall | FileCall) -> bool:
    """Returns whether the provider can be asked. The compatible API of a provider with one of its own has no files."""
    dialect = _dialect(route)
    if isinstance(route, FileCall) and dialect is Dialect.OPENAI:
        return provider.dialects.keys() == {Dialect.OPENAI}
    return dialect in provider.dialects


def _forwarded(
    route: StoredCall | FileCall, call: Call, principal: Principal, stored: StoredObject, provider: Provider
) -> Forwarded:
    dialect = _dialect(route)
    base = provider.base_path(dialect)
    if isinstance(route, StoredCall):
        path = stored_path(route, base, call.query)
    else:
        query = passed_query(Endpoint.ANTHROPIC_FILES, call.query) if dialect is Dialect.ANTHROPIC else ""
        path = file_path(route.operation, route.file_id, base, query)
    limits = rate_limits_of(principal.guardrails, lambda rule: rule.covers(stored.model or "", stored.provider))
    own_key = principal.own_key_at(provider.name)
    return Forwarded(
        organization=principal.organization,
        dialect=dialect,
        cluster=provider.own_key_cluster(dialect) if own_key else provider.cluster(dialect),
        upstream_path=path,
        requests=encode_limits(limits),
        answers_with_file=route.operation is FileOperation.DOWNLOAD,
        betas=read_betas(call, dialect, provider),
        call_id=call.id_with(_CALL) if limits else "",
        own_key=own_key,
    )
