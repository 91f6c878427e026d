"""Calls in the dialects of Anthropic and Gemini."""

from dataclasses import replace
from typing import Any

from tests.support.mixed_calls.drafts import Choice, Draft, Part, picture
from tests.support.mixed_calls.tally import Tally, Used


def messages_draft(choice: Choice) -> Draft:
    """Drafts a message of Anthropic: caches, thinking, server tools, iterations, speeds and places."""
    streamed = choice.chance(0.6)
    tokens = _messages_tokens(choice)
    fees = {"web_search": choice.random.randint(1, 20)} if choice.chance(0.2) else {}
    service = {**choice.service("speed"), **choice.service("place")}
    last = _messages_usage(choice, tokens)
    if fees:
        last["server_tool_use"] = {"web_search_requests": fees["web_search"], "web_fetch_requests": 0}
    last |= {"speed": service.get("speed", "standard")} if "speed" in service else {}
    last |= {"inference_geo": service["place"]} if "place" in service else {}
    tally = Tally(choice.used(tokens), fees=fees, service=service)
    tally, last = _with_compaction(choice, tally, last)
    body = _messages_body(choice, service, searches=bool(fees))
    draft = Draft(choice.model, choice.endpoint, "/v1/messages", body, tally)
    texts = choice.texts()
    name = choice.answered_name
    if not streamed:
        content = [{"type": "text", "text": "".join(texts)}]
        document = {"id": f"msg_{choice.number}", "type": "message", "model": name, "content": content, "usage": last}
        return replace(draft, document=document)
    body["stream"] = True
    start = {
        key: value
        for key, value in last.items()
        if key not in {"output_tokens_details", "server_tool_use", "iterations"}
    }
    start |= {"output_tokens": 1}
    message = {"id": f"msg_{choice.number}", "type": "message", "model": name, "content": [], "usage": start}
    parts = [Part({"type": "message_start", "message": message}), Part({"type": "ping"})]
    if choice.chance(0.3):
        parts.append(Part({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 1}}))
    found = {"type": "web_search_tool_result", "content": [{"type": "web_search_result", "url": "https://a.example"}]}
    results = [Part({"type": "content_block_start", "index": 0, "content_block": found})] * fees.get("web_search", 0)
    parts += [*results, *(_messages_delta(choice, text) for text in texts)]
    parts.append(
        Part({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": _at_the_end(choice, last)})
    )
    counted_after = len(parts)
    parts.append(Part({"type": "message_stop"}))
    return replace(draft, parts=tuple(parts), counted_after=counted_after, counts_input_first="iterations" not in last)


def _messages_tokens(choice: Choice) -> dict[str, int]:
    tokens = choice.sides()
    for category in ("cache_write_5m", "cache_write_1h"):
        if choice.chance(0.25):
            tokens[category] = choice.count(choice.prices.models[choice.model]["context_window_tokens"] // 20)
    return tokens


def _messages_usage(choice: Choice, tokens: dict[str, int]) -> dict[str, Any]:
    reasoning = tokens.get("output_reasoning", 0)
    five, hour = tokens.get("cache_write_5m", 0), tokens.get("cache_write_1h", 0)
    usage: dict[str, Any] = {
        "input_tokens": tokens["input"],
        "cache_creation_input_tokens": five + hour,
        "cache_read_input_tokens": tokens.get("cache_read", 0),
        "output_tokens": tokens["output"] + reasoning,
        "service_tier": "standard",
    }
    if reasoning:
        usage["output_tokens_details"] = {"thinking_tokens": reasoning}
    if hour or choice.chance(0.5):
        usage["cache_creation"] = {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour}
    return {**choice.odd_numbers(usage), **choice.noise()}


def _with_compaction(choice: Choice, tally: Tally, usage: dict[str, Any]) -> tuple[Tally, dict[str, Any]]:
    """Adds, to some calls, an iteration that the totals leave out."""
    if not choice.chance(0.15):
        return tally, usage
    extra = {"input": choice.count(5_000), "output": choice.count(2_000)}
    own = {name: value for name, value in usage.items() if name.endswith(("tokens", "details"))}
    other = {"type": "compaction", "input_tokens": extra["input"], "output_tokens": extra["output"]}
    usage = {**usage, "iterations": [{"type": "message", **own, "cache_creation": usage.get("cache_creation")}, other]}
    names = [name for name, model in choice.prices.models.items() if model["provider"] == "anthropic"]
    if not tally.service and choice.chance(0.4):
        name = choice.random.choice(names)
        other |= {"type": "advisor_message", "model": choice.prices.models[name]["upstream_name"]}
        return replace(tally, others=(Used(name, extra),)), usage
    tokens = {name: tally.main.tokens.get(name, 0) + extra.get(name, 0) for name in {*tally.main.tokens, *extra}}
    return replace(tally, main=Used(choice.model, tokens)), usage


def _messages_body(choice: Choice, service: dict[str, str], *, searches: bool) -> dict[str, Any]:
    content: object = choice.question
    if choice.chance(0.15):
        source = {"type": "base64", "media_type": "image/png", "data": picture(choice.random)}
        content = [{"type": "text", "text": content}, {"type": "image", "source": source}]
    messages = [{"role": "user", "content": content}]
    body: dict[str, Any] = {
        "model": choice.asked_name,
        "max_tokens": choice.random.randint(1, 8_000),
        "messages": messages,
    }
    if searches:
        body["tools"] = [{"type": "web_search_20250305", "name": "web_search"}]
    elif choice.chance(0.2):
        body["tools"] = [{"name": "web_search_20271231", "input_schema": {"type": "object"}}]
    if "speed" in service:
        body["speed"] = service["speed"]
    if "place" in service:
        body["inference_geo"] = service["place"]
    return body


def _messages_delta(choice: Choice, text: str) -> Part:
    kind, field = choice.random.choice(
        (
            ("text_delta", "text"),
            ("text_delta", "text"),
            ("thinking_delta", "thinking"),
            ("input_json_delta", "partial_json"),
        )
    )
    return Part({"type": "content_block_delta", "index": 0, "delta": {"type": kind, field: text}}, text)


def _at_the_end(choice: Choice, usage: dict[str, Any]) -> dict[str, Any]:
    """Returns the usage of the last event, in which some servers leave the input out or write zeros for it."""
    habit = choice.random.random()
    if habit < 0.1:
        return {name: value for name, value in usage.items() if "input" not in name and not name.startswith("cache")}
    if habit < 0.3:
        return {name: value for name, value in usage.items() if "input_tokens" not in name and name != "cache_creation"}
    if habit < 0.5:
        return {**usage, "input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    return usage


def gemini_draft(choice: Choice) -> Draft:
    """Drafts a call of Gemini's own API: thoughts, tools, modalities, grounding, streams as events or as one array."""
    streamed = choice.chance(0.6)
    tokens = choice.sides()
    if choice.chance(0.2):
        tokens["input_audio"] = choice.count(5_000)
    if choice.chance(0.2):
        tokens["input_image"] = choice.count(5_000)
    known = choice.prices.fees_of(choice.model)
    fees = {"grounding": choice.random.randint(1, 3)} if "grounding" in known and choice.chance(0.2) else {}
    service = choice.service("tier")
    usage = _gemini_usage(choice, tokens, service)
    contents: list[object] = [{"text": choice.question}]
    if "input_audio" in tokens:
        contents.append({"inlineData": {"mimeType": "audio/wav", "data": picture(choice.random)}})
    body: dict[str, Any] = {"contents": [{"parts": contents}]}
    if service:
        body["serviceTier"] = service["tier"]
    if fees:
        body["tools"] = [{"googleSearch": {}}]
    grounding = {"webSearchQueries": [f"query {number}" for number in range(fees.get("grounding", 0))]}
    is_array = streamed and choice.chance(0.3)
    verb = "streamGenerateContent" if is_array else "streamGenerateContent?alt=sse" if streamed else "generateContent"
    path = f"/v1beta/models/{choice.model}:{verb}"
    tally = Tally(choice.used(tokens), fees=fees, service=service)
    draft = Draft(choice.model, choice.endpoint, path, body, tally)
    name, texts = choice.answered_name, choice.texts()
    if not streamed:
        return replace(draft, document=_gemini_chunk(name, "".join(texts), usage, grounding if fees else None))
    chunks = _gemini_chunks(choice, name, texts, usage, grounding if fees else None)
    if is_array:
        return replace(draft, document=[part.value for part in chunks])
    return replace(draft, parts=tuple(chunks), counted_after=len(chunks))


def _gemini_usage(choice: Choice, tokens: dict[str, int], service: dict[str, str]) -> dict[str, Any]:
    cached, thoughts = tokens.get("cache_read", 0), tokens.get("output_reasoning", 0)
    audio, image = tokens.get("input_audio", 0), tokens.get("input_image", 0)
    tool_use = tokens["input"] // 3 if choice.chance(0.2) else 0
    prompt = tokens["input"] - tool_use + cached + audio + image
    usage: dict[str, Any] = {"promptTokenCount": prompt, "candidatesTokenCount": tokens["output"]}
    usage["totalTokenCount"] = prompt + tokens["output"] + thoughts + tool_use
    if thoughts:
        usage["thoughtsTokenCount"] = thoughts
    if tool_use:
        usage["toolUsePromptTokenCount"] = tool_use
    if cached:
        usage["cachedContentTokenCount"] = cached
    usage = choice.odd_numbers(usage)
    if audio or image:
        counts = {"TEXT": prompt - audio - image, "AUDIO": audio, "IMAGE": image}
        details = [{"modality": name, "tokenCount": count} for name, count in counts.items() if count]
        usage["promptTokensDetails"] = details
    if service:
        usage["serviceTier"] = service["tier"].upper()
    return {**usage, **choice.noise()}


def _gemini_chunk(name: str, text: str, usage: object, grounding: object) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}
    if grounding:
        candidate["groundingMetadata"] = grounding
    chunk: dict[str, Any] = {"candidates": [candidate], "modelVersion": name}
    return chunk | ({"usageMetadata": usage} if usage else {})


def _gemini_chunks(choice: Choice, name: str, texts: list[str], usage: dict[str, Any], grounding: object) -> list[Part]:
    """Returns the chunks of a stream. Their counts grow, or stand only in the last one."""
    grows = choice.chance(0.6)
    first = {"promptTokenCount": 1, "totalTokenCount": 1} if grows else None
    parts = [Part(_gemini_chunk(name, text, first, None), text) for text in texts]
    return [*parts, Part(_gemini_chunk(name, "", usage, grounding))]


def embed_content_draft(choice: Choice) -> Draft:
    """Drafts an embedding of Gemini's own API, of one text or several."""
    content: dict[str, Any] = {"content": {"parts": [{"text": choice.question}]}}
    request: dict[str, Any] = {"model": f"models/{choice.model}", **content}
    path, body, vector = f"/v1beta/models/{choice.model}:embedContent", content, {"values": [0.1, -2e-7]}
    document: dict[str, Any] = {"embedding": vector}
    if choice.chance(0.5):
        path, body = f"/v1beta/models/{choice.model}:batchEmbedContents", {"requests": [request, request]}
        document = {"embeddings": [vector, vector]}
    tokens = {"input": choice.count(1_500)}
    document["usageMetadata"] = choice.odd_numbers({"promptTokenCount": tokens["input"]})
    return Draft(choice.model, choice.endpoint, path, body, Tally(choice.used(tokens)), document=document)
