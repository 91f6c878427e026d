"""Calls with an answer that a provider sends, and what they must cost."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import (
    Script,
    Send,
    UntilClientLeaves,
    events,
    json_answer,
    stream_head,
)

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
RESPONSES = "/v1/responses"
EMBEDDINGS = "/v1/embeddings"
MESSAGES = "/v1/messages"
ASK = [{"role": "user", "content": "Why?"}]


@dataclass(frozen=True)
class Case:
    """A call, its answer, and the charge in nano-credits at the prices of the shipped catalog."""

    name: str
    path: str
    body: dict[str, Any]
    script: Script
    charge: int
    source: str = "provider"
    kinds: frozenset[str] = frozenset()
    """Kinds of the finding; empty if the report is in order."""
    detail: str | None = None
    hang_up_after_events: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    tolerance: int = 0
    """By how much the charge may differ, because an input was estimated."""


def parametrized(cases: Iterable[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", list(cases), ids=lambda case: case.name)


async def check(case: Case, metering: Metering) -> None:
    """Makes the call of a case, and compares its record."""
    metering.upstream.answer(case.script)
    reply = await metering.call(
        case.body, case.path, headers=case.headers, hang_up_after_events=case.hang_up_after_events
    )
    charged = await metering.charged()
    assert metering.upstream.requests, (reply.status, reply.body)
    assert abs(charged.nano_credits - case.charge) <= case.tolerance, (charged.nano_credits, charged.lines)
    assert charged.source == case.source
    if case.detail is not None:
        assert charged.detail == case.detail
    found = await metering.finding()
    assert frozenset(found["kinds"] if found else ()) == case.kinds
    if found:
        assert found["charge_nano_credits"] == charged.nano_credits


def chat(model: str, **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": ASK, **fields}


def messages(model: str, **fields: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 1_000, "messages": ASK, **fields}


def completion(model: str, usage: object, **fields: Any) -> Script:
    """Returns the JSON answer of a chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "Because."}, "finish_reason": "stop"}
    return json_answer({"id": "c1", "model": model, "choices": [choice], "usage": usage, **fields})


def message(model: str, usage: object, **fields: Any) -> Script:
    """Returns the JSON answer of Anthropic."""
    content = [{"type": "text", "text": "Because."}]
    return json_answer({"id": "m1", "type": "message", "model": model, "content": content, "usage": usage, **fields})


def delta(text: str, **fields: Any) -> dict[str, Any]:
    """Returns a chunk of a chat completion, as long on the wire as providers send it."""
    return {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion.chunk",
        "created": 1_741_569_952,
        "model": "gpt-4o",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": [{"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}],
        "obfuscation": "x" * 40,
        **fields,
    }


def unfinished(*values: object) -> Script:
    """Returns a stream that sends events and then nothing until the caller leaves."""
    return [Send(stream_head()), *events(*values), UntilClientLeaves()]
