"""Kinds whose answers, prompts or choices have no small bound."""

from typing import Any

from tests.support.races.kinds import Kind, Size, a_quarter_of, size_of

QUESTION = [{"role": "user", "content": "hi"}]
GEMINI = "/v1beta/models/gemini-2.5-flash"
TEXT = {"contents": [{"parts": [{"text": "hi"}]}]}
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
USUAL_OUTPUT = 4_096
"""The output that a call without a limit is expected to have, of every model here."""


def text_kind(
    model: str,
    path: str,
    body: dict[str, Any],
    longest: int,
    *,
    choices: int = 1,
    usual: int = USUAL_OUTPUT,
    **more: Any,
) -> Kind:
    """Returns calls of text alone, whose answers have at most so many tokens in each choice."""
    size = size_of(body)
    return Kind(
        model,
        path,
        body,
        expected=Size({"input": a_quarter_of(size), "output": usual * choices}),
        most=Size({"input": size, "output": longest * choices}),
        choices=choices,
        **more,
    )


def _large_window() -> Kind:
    body = {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": [{"role": "user", "content": "x" * 300_000}]}
    headers = {"anthropic-beta": "context-1m-2025-08-07"}
    return text_kind("claude-haiku-4-5", MESSAGES, body, 10, usual=10, headers=headers)


def _cache_writes() -> Kind:
    block = {"type": "text", "text": "x" * 4_000, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    messages = [{"role": "user", "content": [block]}]
    body = {"model": "claude-haiku-4-5", "max_tokens": 10, "messages": messages}
    size = size_of(body)
    # The estimate is as dear: all that the body has may be written.
    expected = Size({"cache_write_1h": a_quarter_of(size), "output": 10})
    return Kind("claude-haiku-4-5", MESSAGES, body, expected, Size({"cache_write_1h": size, "output": 10}))


def _embeddings() -> Kind:
    body = {"model": "text-embedding-3-large", "input": ["x" * 1_000] * 100}
    return text_kind("text-embedding-3-large", "/v1/embeddings", body, 0, usual=0)


def _embeddings_of_gemini() -> Kind:
    request = {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "x" * 1_000}]}}
    path = "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    return text_kind("gemini-embedding-001", path, {"requests": [request] * 50}, 0, usual=0)


def _prompt_batch() -> Kind:
    body = {"model": "gpt-3.5-turbo-instruct", "prompt": ["hi"] * 128, "max_tokens": 4_096}
    return text_kind("gpt-3.5-turbo-instruct", "/v1/completions", body, 4_096, choices=128)


def _fallback() -> Kind:
    """The model called may be replaced by one five times as dear."""
    body = {"model": "claude-haiku-4-5", "max_tokens": 1_000, "messages": QUESTION}
    body["fallbacks"] = [{"model": "claude-opus-4-8"}]
    return text_kind("claude-haiku-4-5", MESSAGES, body, 1_000, usual=1_000, answering="claude-opus-4-8")


def _tier() -> Kind:
    body = {"model": "gpt-4o", "messages": QUESTION, "service_tier": "priority"}
    return text_kind("gpt-4o", CHAT, body, 16_384, service={"tier": "priority"})


TEXT_KINDS = {
    "no output limit": lambda: text_kind("gpt-4o", CHAT, {"model": "gpt-4o", "messages": QUESTION}, 16_384),
    "many choices": lambda: text_kind(
        "gpt-4o-mini", CHAT, {"model": "gpt-4o-mini", "messages": QUESTION, "n": 8}, 16_384, choices=8
    ),
    "a response without a limit": lambda: text_kind(
        "gpt-5-mini", RESPONSES, {"model": "gpt-5-mini", "input": "hi"}, 128_000
    ),
    "Gemini without a limit": lambda: text_kind("gemini-2.5-flash", f"{GEMINI}:generateContent", TEXT, 65_536),
    "Gemini candidates": lambda: text_kind(
        "gemini-2.5-flash",
        f"{GEMINI}:generateContent",
        {**TEXT, "generationConfig": {"candidateCount": 4}},
        65_536,
        choices=4,
    ),
    "Claude by chat completions": lambda: text_kind(
        "claude-haiku-4-5", CHAT, {"model": "claude-haiku-4-5", "messages": QUESTION}, 64_000
    ),
    "a prompt batch": _prompt_batch,
    "a large window by flag": _large_window,
    "cache writes": _cache_writes,
    "a dearer model as fallback": _fallback,
    "a dearer tier": _tier,
    "embeddings": _embeddings,
    "embeddings of Gemini": _embeddings_of_gemini,
}
