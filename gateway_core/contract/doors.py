"""What the module asks at the headers of a call, before a body is kept, and what it answers to strangers."""

from typing import Final

from gateway_core.contract.errors import CallError
from gateway_core.contract.headers import ANTHROPIC_API_KEY, GEMINI_API_KEY

KEY_QUESTION: Final = "/megarouter.authz.Keys/Check"
"""A gRPC method of authz_service: whether the key of a call is valid. It takes a `CheckRequest` without facts of a body, places no
hold, and answers with a `CheckResponse`."""
ADMIN_QUESTION: Final = "/megarouter.admin.v1.Accounts/GetUser"
"""A method of admin_service that reads the caller first. Called without a name it fails for every caller; the failure says whether
the credential is valid."""
REFUSED_AT_HEADERS_DETAILS: Final = "refused_at_headers"
"""The response code details of what the module refuses before a body is kept."""

HOW_TO_AUTHENTICATE: Final = (
    f"Send your MegaRouter API key in one header: 'Authorization: Bearer <key>', '{ANTHROPIC_API_KEY}: <key>' or"
    f" '{GEMINI_API_KEY}: <key>'."
)
MISSING_KEY: Final = CallError(401, "missing_api_key", f"The call carries no API key. {HOW_TO_AUTHENTICATE}")
TOO_MANY_UNKNOWN_KEYS: Final = CallError(
    429,
    "too_many_unknown_keys",
    "Too many calls with unknown API keys came from this address. Check the key, and retry in a few seconds.",
)
DEPENDENCY_UNAVAILABLE: Final = CallError(
    503,
    "dependency_unavailable",
    "The gateway cannot check this call because a service it depends on is unavailable. "
    "No model was called. Retry in a few seconds.",
)
SEVERAL_HOSTS: Final = CallError(
    400, "several_hosts", "The request names several hosts. Send one Host header with one name and no comma."
)
TOO_MANY_UNFINISHED_BODIES: Final = CallError(
    429,
    "too_many_unfinished_bodies",
    "The calls of this API key or of its organization are sending more at a time than the gateway keeps. Let some of them "
    "arrive whole, and retry.",
)
OVERLOADED: Final = CallError(
    503,
    "overloaded",
    "The gateway is at its limit and did not accept this call. No model was called. Retry in a few seconds.",
)
"""Envoy returns the same error when it is at its limits of memory or connections."""
DOOR_ERRORS: Final = (
    MISSING_KEY,
    TOO_MANY_UNKNOWN_KEYS,
    DEPENDENCY_UNAVAILABLE,
    SEVERAL_HOSTS,
    TOO_MANY_UNFINISHED_BODIES,
    OVERLOADED,
)
"""What callers of models receive at the headers."""

ADMIN_UNAUTHENTICATED: Final = "The call needs a valid access token: `authorization: Bearer <token>`."
ADMIN_UNAUTHENTICATED_REASON: Final = "ACCESS_TOKEN_INVALID"
ADMIN_TOO_MANY: Final = (
    "Too many calls with unknown access tokens came from this address. Check the token, and retry in a few seconds."
)
ADMIN_TOO_MANY_REASON: Final = "TOO_MANY_UNKNOWN_TOKENS"
ADMIN_TOO_MANY_OWN: Final = (
    "This access token has as many calls under way as one token may have. Retry when one of them has ended."
)
ADMIN_TOO_MANY_OWN_REASON: Final = "TOO_MANY_OWN_CALLS"
ADMIN_BUSY: Final = "The admin API has as many calls as it can serve at a time. Try again."
ADMIN_BUSY_REASON: Final = "ADMIN_API_BUSY"
