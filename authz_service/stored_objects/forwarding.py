"""Calls about stored responses. They go to the provider that stores the response, cost nothing, and place no hold."""

from typing import Final

from authz_service.request.envoy_messages import Forwarded
from authz_service.stored_objects.lookups import StoredObjects
from authz_service.stored_objects.store import Owner
from gateway_core.model.calls.decision import CatalogView
from gateway_core.model.calls.principals import Principal
from gateway_core.model.calls.refusals import Refusal, refuse_parameter
from gateway_core.model.calls.stored_objects import ObjectKind, ObjectName, refuse_unknown_response
from gateway_core.model.endpoints import Dialect
from gateway_core.model.limits.request_limits import encode_limits, rate_limits_of
from gateway_core.model.stored_calls import StoredCall, stored_path

_STREAM: Final = "stream=true"


async def forward_stored(
    call: StoredCall, query: str, principal: Principal, objects: StoredObjects, catalog: CatalogView
) -> Forwarded | Refusal:
    """Returns where a call about a stored response goes, or the refusal if the response is not the caller's.

    Raises:
        TooManyLookupsError: the response is unknown, and too many calls wait for theirs.
        Errors in `connections.UNAVAILABLE`, if the database does not answer.
    """
    if _STREAM in query.split("&"):
        return refuse_parameter(
            "stream", "only a background response can be streamed again, and those are not supported"
        )
    name = ObjectName(ObjectKind.RESPONSE, call.response_id)
    found = await objects.find(Owner(principal.organization, principal.member), None, [name])
    stored = found.get(name)
    provider = catalog.providers.get(stored.provider) if stored else None
    if stored is None or provider is None or Dialect.OPENAI not in provider.dialects:
        return refuse_unknown_response(call.response_id)
    limits = rate_limits_of(principal.guardrails, lambda rule: rule.covers(stored.model or "", stored.provider))
    return Forwarded(
        organization=principal.organization,
        dialect=Dialect.OPENAI,
        cluster=provider.cluster(Dialect.OPENAI),
        upstream_path=stored_path(call, provider.base_path(Dialect.OPENAI), query),
        requests=encode_limits(limits),
    )
