"""Builds requests in the form that Envoy sends."""

from collections.abc import Collection
from urllib.parse import quote

from envoy.service.ratelimit.v3 import rls_pb2


def rate_limit_request(
    *limits: tuple[str, str, int],
    organization: str = "acme",
    unit: str = "MINUTE",
    dialect: str = "openai",
    domain: str = "megarouter",
    hits: int = 0,
    shadow: Collection[str] = (),
    call: dict[str, str] | None = None,
) -> rls_pb2.RateLimitRequest:
    """Returns a request with one descriptor of these limits (scope, id, limit). `shadow` lists the scopes in shadow mode.

    `call` is the entry that names the call, if there is one.
    """
    texts = (
        f"{kind}:{quote(name, safe='')}:{unit}:{'s' if kind in shadow else ''}{limit}" for kind, name, limit in limits
    )
    entries = {"organization": organization, "rate_limits": " ".join(texts), "dialect": dialect, **(call or {})}
    request = rls_pb2.RateLimitRequest(domain=domain, hits_addend=hits)
    descriptor = request.descriptors.add()
    for key, value in entries.items():
        descriptor.entries.add(key=key, value=value)
    return request


def headers_of(response: rls_pb2.RateLimitResponse) -> dict[str, str]:
    return {header.key: header.value for header in response.response_headers_to_add}
