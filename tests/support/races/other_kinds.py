"""Kinds with media, references to what a provider has stored, and tools that the provider runs."""

import json
from dataclasses import replace
from typing import Any

from tests.support.races.kinds import Kind, Size, Stored, a_quarter_of, size_of
from tests.support.races.text_kinds import CHAT, GEMINI, MESSAGES, QUESTION, RESPONSES, TEXT, TEXT_KINDS, USUAL_OUTPUT

HAIKU, MINI = "claude-haiku-4-5", "gpt-5-mini"
HAIKU_WINDOW, MINI_WINDOW, FLASH_WINDOW, GROK_WINDOW = 200_000, 400_000, 1_048_576, 500_000
DATA = "QUJD" * 30_000
"""The base64 of 90,000 bytes."""
ROUNDS, USES = 10, 20
"""How often a provider that runs tools calls the model in one call at most, and how often each tool."""


def _media(
    model: str, path: str, body: dict[str, Any], text: int, usual: dict[str, int], most: dict[str, int], output: int
) -> Kind:
    """Returns calls with media. Most tokens may be a window, which the text then is a part of."""
    expected = {**usual, "input": usual.get("input", 0) + a_quarter_of(text), "output": output}
    return Kind(model, path, body, Size(expected), Size({**most, "output": output}))


def _remote_picture() -> Kind:
    content = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": content}], "max_tokens": 5}
    text = size_of(body)
    return _media("gpt-4o", CHAT, body, text, {"input": 1_536}, {"input": text + 12_000}, 5)


def _picture() -> Kind:
    url = f"data:image/png;base64,{DATA}"
    content = [{"type": "image_url", "image_url": {"url": url}}]
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": content}], "max_tokens": 5}
    text = size_of(body) - len(json.dumps(url))
    return _media("gpt-4o", CHAT, body, text, {"input": 1_536}, {"input": text + 12_000}, 5)


def _document(source: dict[str, str], pages: int) -> Kind:
    content = [{"type": "document", "source": source}]
    body = {"model": HAIKU, "max_tokens": 10, "messages": [{"role": "user", "content": content}]}
    text = size_of(body) - len(json.dumps(source.get("data", "")))
    return _media(HAIKU, MESSAGES, body, text, {"input": pages * 3_000}, {"input": HAIKU_WINDOW}, 10)


def _recording() -> Kind:
    """All input of a call with a recording is held as sound."""
    path, parts = f"{GEMINI}:generateContent", [{"inlineData": {"mimeType": "audio/ogg", "data": DATA}}]
    body = {"contents": [{"parts": parts}], "generationConfig": {"maxOutputTokens": 10}}
    decoded, text = len(DATA) * 3 // 4, size_of(body) - len(json.dumps(DATA))
    usual, most = -(-decoded * 32 // 8_000), -(-decoded * 32 // 750)
    expected = Size({"input_audio": usual + a_quarter_of(text), "output": 10})
    return Kind("gemini-2.5-flash", path, body, expected, Size({"input_audio": most + text, "output": 10}))


def _images() -> Kind:
    body = {"model": "gpt-image-1.5", "prompt": "A sea otter", "n": 2}
    size = size_of(body)
    expected = Size({"input": a_quarter_of(size), "output_image": 2 * USUAL_OUTPUT})
    most = Size({"input": size, "output_image": 2 * 8_192})
    return Kind("gpt-image-1.5", "/v1/images/generations", body, expected, most, choices=2)


def _referring(stored: Stored, **fields: Any) -> Kind:
    """Returns responses that refer to something of unknown size: it may fill the window, and is expected to."""
    body = {"model": MINI, "input": "hi", "max_output_tokens": 100, **fields}
    size = Size({"input": MINI_WINDOW, "output": 100})
    return Kind(MINI, RESPONSES, body, size, size, stored=(stored,))


def _previous_response() -> Kind:
    stored = Stored("response", "resp_metered", tokens=150_000)
    body = {"model": MINI, "input": "hi", "max_output_tokens": 100, "previous_response_id": stored.object_id}
    size = size_of(body)
    expected = Size({"input": 150_000 + a_quarter_of(size), "output": 100})
    return Kind(MINI, RESPONSES, body, expected, Size({"input": 150_000 + size, "output": 100}), stored=(stored,))


def _file() -> Kind:
    content = [{"type": "input_file", "file_id": "file-racing"}]
    return _referring(Stored("file", "file-racing"), input=[{"role": "user", "content": content}])


def _tools(
    model: str,
    path: str,
    body: dict[str, Any],
    window: int,
    longest: int,
    fee: str,
    *,
    most_uses: int = USES,
    **more: Any,
) -> Kind:
    """Returns calls with a tool that the provider runs: each round has a full window and a longest answer."""
    tokens = window if "stored" in more else a_quarter_of(size_of(body))
    usual = min(longest, body.get("max_tokens", USUAL_OUTPUT))
    return Kind(
        model,
        path,
        body,
        expected=Size({"input": tokens, "output": usual}, {fee: 1}),
        most=Size({"input": ROUNDS * window, "output": ROUNDS * longest}, {fee: USES}),
        **more,
    )


def _searches_of_anthropic() -> Kind:
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    body = {"model": HAIKU, "max_tokens": 1_000, "messages": QUESTION, "tools": tools}
    kind = _tools(HAIKU, MESSAGES, body, HAIKU_WINDOW, 1_000, "web_search")
    # Anthropic writes what a search found to its cache by itself.
    return replace(kind, expected=_written(kind.expected), most=_written(kind.most))


def _written(size: Size) -> Size:
    """Returns the same with all input written to the cache of one hour."""
    others = {category: count for category, count in size.tokens.items() if category != "input"}
    return replace(size, tokens={"cache_write_1h": size.tokens["input"], **others})


def _searches_of_openai() -> Kind:
    body = {"model": MINI, "input": "hi", "tools": [{"type": "web_search"}]}
    return _tools(MINI, RESPONSES, body, MINI_WINDOW, 128_000, "web_search")


def _vector_store() -> Kind:
    tools = [{"type": "file_search", "vector_store_ids": ["vs_racing"]}]
    body = {"model": MINI, "input": "hi", "tools": tools}
    stored = (Stored("file", "vs_racing"),)
    return _tools(MINI, RESPONSES, body, MINI_WINDOW, 128_000, "file_search", stored=stored)


def _container() -> Kind:
    tools = [{"type": "code_interpreter", "container": "cntr_racing"}]
    body = {"model": MINI, "input": "hi", "tools": tools}
    stored = (Stored("container", "cntr_racing"),)
    return _tools(MINI, RESPONSES, body, MINI_WINDOW, 128_000, "code_interpreter", stored=stored)


def _grounding() -> Kind:
    body = {**TEXT, "tools": [{"googleSearch": {}}]}
    path = f"{GEMINI}:generateContent"
    return _tools("gemini-2.5-flash", path, body, FLASH_WINDOW, 65_536, "grounding")


def _live_search() -> Kind:
    body = {"model": "grok-4.7", "messages": QUESTION, "search_parameters": {"mode": "on"}}
    return _tools("grok-4.7", CHAT, body, GROK_WINDOW, 500_000, "live_search_source")


KINDS = {
    **TEXT_KINDS,
    "a picture of a URL": _remote_picture,
    "a picture": _picture,
    "a PDF": lambda: _document({"type": "base64", "media_type": "application/pdf", "data": DATA}, 1),
    "a PDF of a URL": lambda: _document({"type": "url", "url": "https://example.com/a.pdf"}, 10),
    "a recording": _recording,
    "pictures to make": _images,
    "an earlier response": _previous_response,
    "a conversation": lambda: _referring(Stored("conversation", "conv_racing"), conversation="conv_racing"),
    "a stored prompt": lambda: _referring(Stored("prompt", "pmpt_racing"), prompt={"id": "pmpt_racing"}),
    "a file": _file,
    "a vector store": _vector_store,
    "a container": _container,
    "web searches of Anthropic": _searches_of_anthropic,
    "web searches of OpenAI": _searches_of_openai,
    "grounding of Gemini": _grounding,
    "live search of xAI": _live_search,
}
