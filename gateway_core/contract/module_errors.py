"""Errors of Envoy's module: calls of strangers, request bodies that it cannot rewrite safely, calls that it fails to process, and
answers of providers that it does not pass on."""

from typing import Final

from gateway_core.contract.doors import DOOR_ERRORS
from gateway_core.contract.errors import CallError

GATEWAY_FAILED: Final = CallError(
    500, "gateway_error", "The gateway could not process this call. Retry in a few seconds."
)
"""Envoy returns the same error for failures without a more specific explanation."""

_BAD_BODIES: Final = {
    "body_not_object": "The request body must be one JSON object.",
    "body_too_deep": "The request body nests deeper than 1000 levels. Send a flatter one.",
    "escaped_key": "The request body has a key written with a backslash escape. Write its characters plainly.",
    "invalid_model": "`model` must be a string.",
    "invalid_stream_options": "`stream_options` must be an object, and its `include_usage` true or false.",
    "malformed_body": (
        "The request body is not valid JSON. Check its brackets, quotes and commas, and that nothing follows it."
    ),
    "misspelled_key": (
        "The request body has a key that differs only in letter case from one that counts. Use the documented spelling."
    ),
    "nested_value": "A parameter that decides the price is an object or an array. Send it as a plain value.",
    "repeated_key": "The request body names the same key twice. Send each key once.",
    "unsupported_encoding": "The request body is compressed. Send it without content-encoding.",
}

PROVIDER_REFUSED_ACCOUNT: Final = CallError(
    502,
    "provider_unavailable",
    "The provider of this model does not serve this gateway at the moment. The operator of the gateway has been alerted. "
    "Choose a model of another provider, or try again later.",
)
"""The provider rejected the gateway's account or credential, or sent the gateway elsewhere."""
PROVIDER_LIMITED_RATE: Final = CallError(
    429,
    "provider_rate_limited",
    "The provider of this model limits how fast this gateway may call it. Wait before you retry, or choose a model of "
    "another provider.",
)
PROVIDER_UNREADABLE: Final = CallError(
    502,
    "provider_error",
    "The provider of this model returned an answer that the gateway cannot read. You are not charged for this call. "
    "Retry, or choose another model.",
)

PROVIDER_ERRORS: Final = (PROVIDER_LIMITED_RATE, PROVIDER_REFUSED_ACCOUNT, PROVIDER_UNREADABLE)
"""What callers receive in place of a provider's answer."""

MODULE_ERRORS: Final = (
    *(CallError(400, code, message) for code, message in _BAD_BODIES.items()),
    GATEWAY_FAILED,
    *PROVIDER_ERRORS,
    *DOOR_ERRORS,
)
"""All errors of the module, in the order of its enum."""
