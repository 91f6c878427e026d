"""Answers in the forms of servers that speak OpenAI's API are metered in full, streamed and not."""

from typing import Any

import pytest

from tests.e2e.conftest import chat
from tests.e2e.deployments.conftest import INPUT_TOKENS, OUTPUT_TOKENS, Upstreams, cost_at
from tests.support.metered_calls import Metering
from tests.support.servers.scripted_upstream import Script, Send, chunk, events, json_answer, stream_head

TOTAL = INPUT_TOKENS + OUTPUT_TOKENS
COUNTS = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": TOTAL}

SERVERS: dict[str, dict[str, Any]] = {
    "vllm": {"prompt_logprobs": None, "kv_transfer_params": None, "usage": {**COUNTS, "prompt_tokens_details": None}},
    "ollama": {"system_fingerprint": "fp_ollama", "usage": COUNTS},
    "openrouter": {
        "provider": "Another",
        "usage": {
            **COUNTS,
            "cost": 0.0042,
            "is_byok": False,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "cost_details": {"upstream_inference_cost": None},
            "completion_tokens_details": {"reasoning_tokens": 0, "image_tokens": 0},
        },
    },
}
"""What each adds to a chat completion."""
NAMES = {"vllm": "plain-at-alpha", "ollama": "plain-at-alpha", "openrouter": "vendor/plain-at-alpha"}


def whole(server: str) -> Script:
    message: dict[str, object] = {"role": "assistant", "content": "Hello.", "tool_calls": [], "reasoning": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "stop_reason": None, "logprobs": None}
    fields = {"id": "chatcmpl-1", "object": "chat.completion", "model": NAMES[server], "choices": [choice]}
    return json_answer({**fields, **SERVERS[server]})


def streamed(server: str) -> Script:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": NAMES[server]}
    delta = {"index": 0, "delta": {"role": "assistant", "content": "Hello."}, "finish_reason": None}
    last = {**base, "choices": [], **SERVERS[server]}
    comment = [chunk(b": OPENROUTER PROCESSING\n\n")] if server == "openrouter" else []
    text = events({**base, "choices": [delta], "usage": None}, last, done=True)
    return [Send(stream_head()), *comment, *text, chunk(b"")]


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("server", SERVERS)
async def test_an_answer_is_charged_as_the_server_counts_it(
    calls: Metering, upstreams: Upstreams, server: str, *, streams: bool
) -> None:
    upstreams.alpha.choose(lambda _request: streamed(server) if streams else whole(server))
    reply = await calls.call(chat(model="plain", **({"stream": True} if streams else {})))
    assert (reply.status, "Hello." in reply.text) == (200, True)
    charged = await calls.charged()
    assert (charged.source, charged.detail, charged.nano_credits) == ("provider", "completed", cost_at("alpha"))
    assert await calls.finding() is None
