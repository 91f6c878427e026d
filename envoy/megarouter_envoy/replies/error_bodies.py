"""Error bodies in the dialect of the API that was called, for the answers that Envoy gives itself."""

import json
from dataclasses import dataclass
from enum import StrEnum


class Dialect(StrEnum):
    """Families of APIs that share the shape of an error."""

    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    OPENAI = "openai"


@dataclass(frozen=True, slots=True)
class GatewayError:
    """One reason for which Envoy refuses or fails a call."""

    status: int
    code: str
    message: str
    openai_type: str
    anthropic_type: str
    gemini_status: str


def error_body(error: GatewayError, dialect: Dialect) -> str:
    """`error` as compact JSON that an SDK of `dialect` understands."""
    match dialect:
        case Dialect.ANTHROPIC:
            body: dict[str, object] = {
                "type": "error",
                "error": {"type": error.anthropic_type, "message": error.message, "code": error.code},
            }
        case Dialect.GEMINI:
            information = {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": error.code.upper(),
                "domain": "megarouter",
            }
            body = {
                "error": {
                    "code": error.status,
                    "message": error.message,
                    "status": error.gemini_status,
                    "details": [information],
                }
            }
        case Dialect.OPENAI:
            body = {"error": {"message": error.message, "type": error.openai_type, "param": None, "code": error.code}}
    return json.dumps(body, separators=(",", ":"))
