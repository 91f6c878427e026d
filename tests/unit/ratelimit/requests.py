"""Requests as Envoy sends them."""

from envoy.service.ratelimit.v3 import rls_pb2


def rate_limit_request(
    *descriptors: tuple[str, str, int | None],
    organization: str = "acme",
    unit: str = "MINUTE",
    dialect: str = "openai",
    domain: str = "megarouter",
    hits: int = 0,
) -> rls_pb2.RateLimitRequest:
    """A request with a descriptor for each (scope, id, limit); None sends no limit."""
    request = rls_pb2.RateLimitRequest(domain=domain, hits_addend=hits)
    for scope, scope_id, limit in descriptors:
        descriptor = request.descriptors.add()
        entries = {"organization": organization, "scope": scope, "id": scope_id, "dialect": dialect}
        for key, value in entries.items():
            descriptor.entries.add(key=key, value=value)
        if limit is not None:
            descriptor.limit.requests_per_unit = limit
            descriptor.limit.unit = (
                type(descriptor.limit).DESCRIPTOR.fields_by_name["unit"].enum_type.values_by_name[unit].number
            )
    return request


def headers_of(response: rls_pb2.RateLimitResponse) -> dict[str, str]:
    return {header.key: header.value for header in response.response_headers_to_add}
