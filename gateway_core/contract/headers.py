"""Names of HTTP headers, in lower case. Internal headers never pass from or to the outside."""

from typing import Final

from gateway_core.model.endpoints import Dialect
from gateway_core.model.limits.rate_limits import format_duration
from gateway_core.model.quotas import Quota, QuotaUnit
from gateway_core.model.routing.override_header import OVERRIDE

INTERNAL_PREFIX: Final = "x-megarouter-"
"""Envoy removes every header with this prefix from what clients and providers send."""
CLUSTER: Final = "x-megarouter-cluster"
"""From authz_service to Envoy: the cluster of the provider."""
EDGE_SECRET: Final = "x-megarouter-edge-secret"  # noqa: S105 - the name of the header
"""From Envoy to admin_service: proves that a request came through Envoy.

Without it, admin_service ignores the three headers below.
"""
IDENTITY: Final = "x-megarouter-identity"
"""From Envoy to admin_service: the payload of a token that Envoy verified."""
CLIENT_ADDRESS: Final = "x-megarouter-client-address"
REQUEST_ID: Final = "x-request-id"

HTTP_STATUS: Final = f"{INTERNAL_PREFIX}http-status"
"""From admin_service to Envoy: the HTTP status of an answer that is no gRPC status, as SCIM needs it."""

OUTPUT_LIMIT: Final = "x-megarouter-output-limit"
"""From the gateway to the caller: the output limit in tokens that it wrote into the call."""
SOFT_BUDGET: Final = f"{INTERNAL_PREFIX}soft-budget-reached"
"""From the gateway to the caller: the scopes whose spend has reached the threshold of their budget: `api_key, group:eng`."""
COST: Final = f"{INTERNAL_PREFIX}cost"
"""From the gateway to the caller: what the call cost in credits. Envoy's module sets it on plain answers."""

ATTEMPT_TIMEOUT: Final = "x-envoy-upstream-rq-per-try-timeout-ms"
"""From the module to Envoy's router: how long an attempt may take to begin its answer. Clients cannot set it."""
SIGNED_FOR: Final = f"{INTERNAL_PREFIX}signed-for"
"""From the module to a filter behind it: the target whose signature an attempt needs."""
SIGNATURE: Final = ("x-amz-content-sha256", "x-amz-date", "x-amz-security-token")
"""What a signature of AWS adds besides `authorization`."""
AUTHORIZATION: Final = "authorization"
ANTHROPIC_API_KEY: Final = "x-api-key"
GEMINI_API_KEY: Final = "x-goog-api-key"
API_KEY_HEADERS: Final = (ANTHROPIC_API_KEY, GEMINI_API_KEY)
"""Where SDKs put an API key besides `authorization`."""
DIALECT_VERSION: Final = "anthropic-version"
"""Only Anthropic's SDKs send it. It decides the dialect of the response to `GET /v1/models`."""
TAGS: Final = "x-tags"
"""From the caller: the tags of a call (`call_tags.read_tags`). No provider receives it."""
ROUTE: Final = OVERRIDE
"""From the caller: which model of a virtual model is to serve the call: `best`, `cheapest` or `model=NAME`. No provider
receives it."""
ROUTED_MODEL: Final = f"{INTERNAL_PREFIX}model"
"""To the caller of a virtual model: the model that served the call."""
ROUTE_TAKEN: Final = f"{INTERNAL_PREFIX}route"
"""To the caller of a virtual model: what happened and why, such as `routed; reason=cheapest`."""
ANTHROPIC_BETA: Final = "anthropic-beta"
OPENAI_BETA: Final = "openai-beta"
BETA_OF_DIALECT: Final = {Dialect.OPENAI: OPENAI_BETA, Dialect.ANTHROPIC: ANTHROPIC_BETA}
"""The header with the flags of features in test. authz_service removes those that the catalog does not list."""
REMOVED_BETAS: Final = f"{INTERNAL_PREFIX}removed-betas"
"""To the caller: the flags that the provider did not receive."""
CONTENT_TYPE: Final = "content-type"
CONTENT_ENCODING: Final = "content-encoding"
CONTENT_LENGTH: Final = "content-length"
DECIDING: Final = tuple(
    sorted(
        [
            AUTHORIZATION,
            *API_KEY_HEADERS,
            DIALECT_VERSION,
            CONTENT_TYPE,
            CONTENT_ENCODING,
            CONTENT_LENGTH,
            TAGS,
            ROUTE,
            ANTHROPIC_BETA,
            OPENAI_BETA,
        ]
    )
)
"""The request headers that Envoy sends to authz_service. Sending no others makes a call cheaper."""

PASSED_TO_PROVIDERS: Final = (CONTENT_TYPE, CONTENT_LENGTH, "accept", "user-agent", REQUEST_ID, CLUSTER)
"""The request headers of every dialect that go on to a provider. All others are removed, whatever they are.

Some providers refuse calls without a user agent. The request id is Envoy's own; it names no one, and a provider's support
asks for it. Envoy's router reads the cluster and removes it.
"""
PASSED_OF_DIALECT: Final = {
    Dialect.OPENAI: (OPENAI_BETA,),
    Dialect.ANTHROPIC: (DIALECT_VERSION, ANTHROPIC_BETA),
    Dialect.GEMINI: (),
}
"""Those of one dialect."""
KEPT_FROM_CALLERS_PREFIXES: Final = ("x-ratelimit-", "anthropic-ratelimit-", INTERNAL_PREFIX, "x-envoy-")
"""Begins of the names of response headers that do not go on to a caller.

They describe the company's account at the provider, not the caller's. The gateway has its own limits.
"""
KEPT_FROM_CALLERS: Final = (
    "alt-svc",
    "anthropic-organization-id",
    "openai-organization",
    "openai-project",
    "set-cookie",
    "strict-transport-security",
)
"""The other response headers of providers that do not go on to a caller."""
TRACE_CONTEXT: Final = ("traceparent", "tracestate", "baggage")
"""Envoy's tracing adds some of them last. They are removed on the way to a provider."""

JSON: Final = "application/json"
FORM: Final = "multipart/form-data"
AUDIO: Final = "audio/"
"""Begins the media types of sound."""
SHOULD_RETRY: Final = "x-should-retry"
RETRY_AFTER: Final = "retry-after"
RETRY_AFTER_MS: Final = f"{RETRY_AFTER}-ms"
"""From some providers: the same in milliseconds."""
RATE_LIMIT_PREFIX: Final = "x-ratelimit-"


def limit_header(unit: QuotaUnit) -> str:
    """Returns the name of the header with the limit."""
    return f"{RATE_LIMIT_PREFIX}limit-{unit}"


def remaining_header(unit: QuotaUnit) -> str:
    """Returns the name of the header with what is left of the limit."""
    return f"{RATE_LIMIT_PREFIX}remaining-{unit}"


def reset_header(unit: QuotaUnit) -> str:
    """Returns the name of the header with the time until the whole limit is free again, such as `1m30s`."""
    return f"{RATE_LIMIT_PREFIX}reset-{unit}"


def quota_headers(quota: Quota) -> dict[str, str]:
    """Returns the headers that report a quota, as OpenAI's SDKs read them."""
    headers = {limit_header(quota.unit): str(quota.limit), remaining_header(quota.unit): str(quota.remaining)}
    if quota.reset_us is not None:
        headers[reset_header(quota.unit)] = format_duration(quota.reset_us)
    return headers
