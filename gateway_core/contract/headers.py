"""Names of HTTP headers, in lower case. Headers of the installation's own never pass from or to the outside."""

from typing import Final

from gateway_core.model.calls.quotas import Quota, QuotaUnit
from gateway_core.model.limits.rate_limits import format_duration

INTERNAL_PREFIX: Final = "x-megarouter-"
"""Envoy removes every header of a client or a provider that begins so."""
CLUSTER: Final = "x-megarouter-cluster"
"""authz_service to Envoy: the cluster of the provider."""
PROVIDER_MARK: Final = "x-megarouter-provider-answer"
"""Set on what a provider answered, for the module to tell it from Envoy's own answers."""
EDGE_SECRET: Final = "x-megarouter-edge-secret"  # noqa: S105 - the name of the header
"""Envoy to admin_service: proves that a request came through Envoy. Without it, admin_service ignores the three below."""
IDENTITY: Final = "x-megarouter-identity"
"""Envoy to admin_service: the payload of a token that Envoy verified."""
CLIENT_ADDRESS: Final = "x-megarouter-client-address"
REQUEST_ID: Final = "x-request-id"

AUTHORIZATION: Final = "authorization"
ANTHROPIC_API_KEY: Final = "x-api-key"
GEMINI_API_KEY: Final = "x-goog-api-key"
API_KEY_HEADERS: Final = (ANTHROPIC_API_KEY, GEMINI_API_KEY)
"""Where SDKs put an API key besides `authorization`."""
DIALECT_VERSION: Final = "anthropic-version"
"""Only SDKs for Anthropic's API send it: it tells whose list of models to answer `GET /v1/models` with."""
CONTENT_TYPE: Final = "content-type"
CONTENT_ENCODING: Final = "content-encoding"
CONTENT_LENGTH: Final = "content-length"
DECIDING: Final = tuple(
    sorted([AUTHORIZATION, *API_KEY_HEADERS, DIALECT_VERSION, CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LENGTH])
)
"""What Envoy sends to authz_service. Of other headers it learns nothing, so a call costs less."""

JSON: Final = "application/json"
SHOULD_RETRY: Final = "x-should-retry"
RETRY_AFTER: Final = "retry-after"
RATE_LIMIT_PREFIX: Final = "x-ratelimit-"


def limit_header(unit: QuotaUnit) -> str:
    """The header with the limit."""
    return f"{RATE_LIMIT_PREFIX}limit-{unit}"


def remaining_header(unit: QuotaUnit) -> str:
    """The header with what is left of the limit."""
    return f"{RATE_LIMIT_PREFIX}remaining-{unit}"


def reset_header(unit: QuotaUnit) -> str:
    """The header with the time until the whole limit is free again, as in `1m30s`."""
    return f"{RATE_LIMIT_PREFIX}reset-{unit}"


def quota_headers(quota: Quota) -> dict[str, str]:
    """A quota in the headers that OpenAI's SDKs read."""
    headers = {limit_header(quota.unit): str(quota.limit), remaining_header(quota.unit): str(quota.remaining)}
    if quota.reset_us is not None:
        headers[reset_header(quota.unit)] = format_duration(quota.reset_us)
    return headers
