"""Writes a tally as the provider of each path reports it."""

from typing import Any

from tests.support.mixed_calls.tally import Tally

_ITEMS = {
    "web_search": "web_search_call",
    "file_search": "file_search_call",
    "code_interpreter": "code_interpreter_call",
}


def report(path: str, tally: Tally, model: str) -> dict[str, Any]:
    """Returns the answer of a provider that counted this tally."""
    tokens = tally.tokens
    if path.startswith("/v1beta"):
        return _gemini(path, tokens, tally, model)
    if path == "/v1/messages":
        return {"id": "m", "type": "message", "model": model, "content": [], "usage": _message_usage(tally)}
    if path == "/v1/responses":
        return _response(tokens, tally, model)
    inputs, outputs = tally.main.inputs, tally.main.outputs
    if path == "/v1/images/generations":
        usage = {"input_tokens": inputs, "output_tokens": outputs, "total_tokens": inputs + outputs}
        return {"created": 1, "data": [{"b64_json": "QUJD"}], "usage": usage}
    usage = {"prompt_tokens": inputs, "total_tokens": inputs + outputs}
    if path != "/v1/embeddings":
        usage["completion_tokens"] = outputs
    if "live_search_source" in tally.fees:
        usage["num_sources_used"] = tally.fees["live_search_source"]
    return {"id": "c", "model": model, "usage": usage, **_tier(tally)}


def _tier(tally: Tally) -> dict[str, str]:
    return {"service_tier": tally.service["tier"]} if "tier" in tally.service else {}


def _message_usage(tally: Tally) -> dict[str, Any]:
    tokens = tally.tokens
    written = tokens.get("cache_write_1h", 0)
    usage: dict[str, Any] = {"input_tokens": tokens.get("input", 0), "output_tokens": tokens.get("output", 0)}
    if written:
        usage["cache_creation_input_tokens"] = written
        usage["cache_creation"] = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": written}
    if "web_search" in tally.fees:
        usage["server_tool_use"] = {"web_search_requests": tally.fees["web_search"]}
    if "speed" in tally.service:
        usage["speed"] = tally.service["speed"]
    return usage


def _response(tokens: dict[str, int], tally: Tally, model: str) -> dict[str, Any]:
    inputs, outputs = tally.main.inputs, tally.main.outputs
    usage = {"input_tokens": inputs, "output_tokens": outputs, "total_tokens": inputs + outputs}
    items = [{"type": _ITEMS[fee], "status": "completed"} for fee, count in tally.fees.items() for _ in range(count)]
    return {"id": "r", "object": "response", "model": model, "output": items, "usage": usage, **_tier(tally)}


def _gemini(path: str, tokens: dict[str, int], tally: Tally, model: str) -> dict[str, Any]:
    inputs, outputs = tally.main.inputs, tally.main.outputs
    usage: dict[str, Any] = {"promptTokenCount": inputs}
    if "mbedContent" in path:
        return {"embeddings": [{"values": [0.1]}], "usageMetadata": usage}
    usage |= {"candidatesTokenCount": outputs, "totalTokenCount": inputs + outputs}
    if "input_audio" in tokens:
        usage["promptTokensDetails"] = [{"modality": "AUDIO", "tokenCount": tokens["input_audio"]}]
    searches = [f"query {number}" for number in range(tally.fees.get("grounding", 0))]
    candidate = {
        "content": {"parts": [{"text": ""}]},
        "groundingMetadata": {"webSearchQueries": searches} if searches else {},
    }
    return {"candidates": [candidate], "modelVersion": model, "usageMetadata": usage}
