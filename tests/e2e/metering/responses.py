"""Calls of the Responses API, and answers that their provider stores."""

import os
from typing import Any

USAGE = {"input_tokens": 1_000, "output_tokens": 500, "total_tokens": 1_500}


def answered(identifier: str, **fields: object) -> dict[str, Any]:
    return {
        "id": identifier,
        "object": "response",
        "model": "gpt-5",
        "status": "completed",
        "output": [],
        "usage": USAGE,
    } | fields


def asked(**fields: object) -> dict[str, object]:
    return {"model": "gpt-5", "input": "hi", "max_output_tokens": 100, **fields}


def identifier() -> str:
    return f"resp_{os.urandom(8).hex()}"
