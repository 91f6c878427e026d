"""What the OpenAI endpoints share: the error body and the response headers."""

from typing import Any

from typing_extensions import override

from mock_provider.dialects.base import Dialect, Job, JsonObject, RefusalError, encode

_TYPES = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("insufficient_permissions", None),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}


def error_object(status: int, message: str, parameter: str | None = None) -> JsonObject:
    """Returns an error in OpenAI's shape, for JSON answers and streams."""
    fallback = ("server_error", None) if status >= 500 or status < 400 else ("invalid_request_error", None)
    kind, code = _TYPES.get(status, fallback)
    return {"error": {"message": message, "type": kind, "param": parameter, "code": code}}


def required_input(body: JsonObject) -> str | list[Any]:
    """Returns the top-level `input`, a non-empty text or array. Raises RefusalError."""
    value = body.get("input")
    if not isinstance(value, str | list) or not value:
        raise RefusalError("input: expected a non-empty string or array", parameter="input")
    return value


class OpenaiDialect(Dialect):
    """What every OpenAI endpoint has in common."""

    name = "openai"

    @override
    def error(self, status: int, message: str, parameter: str | None = None) -> bytes:
        return encode(error_object(status, message, parameter))

    @override
    def response_headers(self, serial: str) -> dict[str, str]:
        return {"x-request-id": f"req_{serial}", "openai-version": "2020-10-01"}

    @override
    def stream_content_type(self, job: Job) -> str:
        return "text/event-stream; charset=utf-8"
