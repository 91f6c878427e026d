"""Errors of model calls in the shape that each provider's SDK parses, whether a service, Envoy or the module answers."""

import json
from dataclasses import dataclass
from typing import Final

from gateway_core.contract.headers import RETRY_AFTER, SHOULD_RETRY
from gateway_core.model.calls.refusals import ExhaustedLimit, Refusal
from gateway_core.model.endpoints import Dialect

ERROR_INFO_TYPE: Final = "type.googleapis.com/google.rpc.ErrorInfo"
ERROR_DOMAIN: Final = "megarouter"

_BY_STATUS: Final[dict[int, tuple[str, str, str]]] = {
    400: ("invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"),
    401: ("authentication_error", "authentication_error", "UNAUTHENTICATED"),
    402: ("insufficient_quota", "billing_error", "RESOURCE_EXHAUSTED"),
    403: ("permission_error", "permission_error", "PERMISSION_DENIED"),
    404: ("invalid_request_error", "not_found_error", "NOT_FOUND"),
    408: ("invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"),
    413: ("invalid_request_error", "request_too_large", "INVALID_ARGUMENT"),
    426: ("invalid_request_error", "invalid_request_error", "FAILED_PRECONDITION"),
    429: ("rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"),
    431: ("invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"),
    500: ("api_error", "api_error", "INTERNAL"),
    502: ("api_error", "api_error", "UNAVAILABLE"),
    503: ("service_unavailable_error", "overloaded_error", "UNAVAILABLE"),
    504: ("api_error", "api_error", "DEADLINE_EXCEEDED"),
}
"""By HTTP status: `type` for OpenAI's SDKs, `type` for Anthropic's SDKs, and `status` for Gemini's SDKs."""


@dataclass(frozen=True, slots=True)
class CallError:
    """One reason why a model call is refused or fails."""

    status: int
    """HTTP status."""
    code: str
    """Machine-readable and stable."""
    message: str
    parameter: str | None = None
    limits: tuple[ExhaustedLimit, ...] = ()


def error_of(refusal: Refusal) -> CallError:
    """Returns the error that reports a refusal."""
    return CallError(refusal.status, refusal.reason, refusal.message, refusal.parameter, refusal.limits)


def error_body(error: CallError, dialect: Dialect) -> str:
    """Returns the JSON body of an error in the caller's dialect. `limits` lists the exhausted limits, if any."""
    if dialect is Dialect.ANTHROPIC:
        document = _anthropic(error)
    elif dialect is Dialect.GEMINI:
        document = _gemini(error)
    else:
        document = _openai(error)
    return json.dumps(document, separators=(",", ":"))


RETRY_AFTER_MAX_S: Final = 60
"""SDKs of OpenAI and Anthropic ignore a longer wait and retry at once, so they get `x-should-retry: false` beside it."""


def retry_headers(refusal: Refusal) -> dict[str, str]:
    """Returns the headers that tell SDKs whether to retry and after how many seconds."""
    is_soon = refusal.retry_after_s is None or refusal.retry_after_s <= RETRY_AFTER_MAX_S
    headers = {} if refusal.should_retry and is_soon else {SHOULD_RETRY: "false"}
    if refusal.retry_after_s is not None:
        headers[RETRY_AFTER] = str(refusal.retry_after_s)
    return headers


def _openai(error: CallError) -> dict[str, object]:
    fields: dict[str, object] = {
        "message": error.message,
        "type": _BY_STATUS[error.status][0],
        "param": error.parameter,
        "code": error.code,
    }
    return {"error": _with_limits(fields, error)}


def _anthropic(error: CallError) -> dict[str, object]:
    fields: dict[str, object] = {"type": _BY_STATUS[error.status][1], "message": error.message, "code": error.code}
    return {"type": "error", "error": _with_limits(fields, error)}


def _gemini(error: CallError) -> dict[str, object]:
    information = {"@type": ERROR_INFO_TYPE, "reason": error.code.upper(), "domain": ERROR_DOMAIN}
    fields: dict[str, object] = {
        "code": error.status,
        "message": error.message,
        "status": _BY_STATUS[error.status][2],
        "details": [information],
    }
    return {"error": _with_limits(fields, error)}


def _with_limits(fields: dict[str, object], error: CallError) -> dict[str, object]:
    if error.limits:
        fields["limits"] = [_limit(limit) for limit in error.limits]
    return fields


def _limit(limit: ExhaustedLimit) -> dict[str, object]:
    """Writes amounts as strings, because most JSON readers parse a number as a double.

    A budget that others share shows only its limit, and the credit shows no figure: not every holder of a key may read them.
    """
    if limit.scope is None:
        return {"scope": "credit", "id": None, "reset_time_epoch_seconds": None}
    shown: dict[str, object] = {
        "scope": limit.scope.kind,
        "id": limit.scope.scope_id,
        "limit_nano_credits": str(limit.limit_nano_credits - limit.carried_nano_credits),
    }
    if limit.models:
        shown["models"] = limit.models
    if limit.carried_nano_credits and not limit.scope.is_shared:
        shown["carried_nano_credits"] = str(limit.carried_nano_credits)
    if not limit.scope.is_shared:
        shown["used_nano_credits"] = str(limit.used_nano_credits)
        shown["held_nano_credits"] = str(limit.held_nano_credits)
    return {**shown, "reset_time_epoch_seconds": limit.reset_epoch_s}
