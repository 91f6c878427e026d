"""Refusals in the error shape that each provider's SDK parses."""

import json
from typing import Final

from gateway_core.model.calls.refusals import ExhaustedLimit, Refusal
from gateway_core.model.dialects import Dialect

_OPENAI_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
}
_ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_GEMINI_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


def error_body(refusal: Refusal, dialect: Dialect) -> str:
    """The JSON error body of a refusal, in the caller's dialect. The exhausted limits ride along under `limits`."""
    if dialect is Dialect.ANTHROPIC:
        document = _anthropic(refusal)
    elif dialect is Dialect.GEMINI:
        document = _gemini(refusal)
    else:
        document = _openai(refusal)
    return json.dumps(document, separators=(",", ":"))


def _openai(refusal: Refusal) -> dict[str, object]:
    error: dict[str, object] = {
        "message": refusal.message,
        "type": _OPENAI_TYPES[refusal.status],
        "param": refusal.parameter,
        "code": refusal.reason,
    }
    return {"error": _with_limits(error, refusal)}


def _anthropic(refusal: Refusal) -> dict[str, object]:
    error: dict[str, object] = {
        "type": _ANTHROPIC_TYPES[refusal.status],
        "message": refusal.message,
        "code": refusal.reason,
    }
    return {"type": "error", "error": _with_limits(error, refusal)}


def _gemini(refusal: Refusal) -> dict[str, object]:
    information: dict[str, object] = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": refusal.reason.upper(),
        "domain": "megarouter",
    }
    error: dict[str, object] = {
        "code": refusal.status,
        "message": refusal.message,
        "status": _GEMINI_STATUSES[refusal.status],
        "details": [information],
    }
    return {"error": _with_limits(error, refusal)}


def _with_limits(error: dict[str, object], refusal: Refusal) -> dict[str, object]:
    if refusal.limits:
        error["limits"] = [_limit(limit) for limit in refusal.limits]
    return error


def _limit(limit: ExhaustedLimit) -> dict[str, object]:
    """Amounts travel as strings: a JSON number is a double for most readers."""
    return {
        "scope": limit.scope.kind if limit.scope else "credit",
        "id": limit.scope.scope_id if limit.scope else None,
        "limit_nano_credits": str(limit.limit_nano_credits),
        "used_nano_credits": str(limit.used_nano_credits),
        "held_nano_credits": str(limit.held_nano_credits),
        "reset_time_epoch_seconds": limit.reset_epoch_s,
    }
