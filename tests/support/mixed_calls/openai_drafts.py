"""Calls in OpenAI's dialect: chat completions, completions, responses and embeddings, with the habits of each provider."""

from dataclasses import replace
from typing import Any

from tests.support.mixed_calls.drafts import Choice, Draft, Part, picture
from tests.support.mixed_calls.tally import Tally, Used

_ZEROS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def chat_draft(choice: Choice) -> Draft:
    """Drafts a chat completion."""
    streamed = choice.chance(0.6)
    provider = str(choice.prices.provider_of(choice.model)["name"])
    tokens = choice.sides(written=provider == "openai")
    fees = {"live_search_source": choice.count(9)} if provider == "xai" and choice.chance(0.3) else {}
    service = choice.service("tier") if provider in {"openai", "groq"} else {}
    usage, kinds = _chat_usage(choice, provider, tokens)
    if fees:
        usage["num_sources_used"] = fees["live_search_source"]
    body = _chat_body(choice, streamed=streamed)
    if fees:
        body["search_parameters"] = {"mode": "on"}
    if service:
        body["service_tier"] = service["tier"]
    named = {"service_tier": service.get("tier", "default")} if service or choice.chance(0.3) else {}
    answering = choice.another_model() if choice.chance(0.1) and not service else choice.model
    tally = Tally(Used(answering, tokens), fees=fees, service=service)
    common = {"model": choice.name_of(answering), "id": f"chatcmpl-{choice.number}", **named}
    draft = Draft(choice.model, choice.endpoint, "/v1/chat/completions", body, tally, kinds=kinds)
    texts = choice.texts()
    if not streamed:
        message = {"role": "assistant", "content": "".join(texts)}
        return _with_document(choice, draft, common, {"index": 0, "message": message}, usage)
    values: list[tuple[dict[str, Any], str]] = [
        ({**common, "choices": [{"index": 0, "delta": _delta(choice, text)}]}, text) for text in texts
    ]
    shows = bool(body.get("stream_options", {}).get("include_usage"))
    return _with_stream(choice, draft, common, values, usage, shows=shows)


def _chat_body(choice: Choice, *, streamed: bool) -> dict[str, Any]:
    content: object = choice.question
    entry = choice.prices.models[choice.model]
    if entry["provider"] in {"openai", "google", "xai"} and choice.chance(0.15):
        url = f"data:image/png;base64,{picture(choice.random)}"
        content = [{"type": "text", "text": content}, {"type": "image_url", "image_url": {"url": url}}]
    body: dict[str, Any] = {"model": choice.asked_name, "messages": [{"role": "user", "content": content}]}
    if streamed:
        body["stream"] = True
        if choice.chance(0.5):
            body["stream_options"] = {"include_usage": choice.chance(0.8)}
    if choice.chance(0.2):
        function = {"name": "web_search_20271231", "parameters": {"type": "object", "maximum": 2**64 - 1}}
        body["tools"] = [{"type": "function", "function": function}]
    if choice.chance(0.2):
        body["max_tokens"] = choice.random.randint(1, 4_000)
    if choice.chance(0.1):
        body["n"] = choice.random.randint(1, 3)
    return body


def _delta(choice: Choice, text: str) -> dict[str, Any]:
    if choice.chance(0.2):
        return {"reasoning_content": text, "reasoning": text}
    if choice.chance(0.2):
        return {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}
    return {"content": text}


def _chat_usage(choice: Choice, provider: str, tokens: dict[str, int]) -> tuple[dict[str, Any], frozenset[str]]:
    """Returns the usage as the provider writes it, and what is odd in it."""
    cached, written = tokens.get("cache_read", 0), tokens.get("cache_write_5m", 0)
    reasoning = tokens.get("output_reasoning", 0)
    prompt, answer = tokens["input"] + cached + written, tokens["output"]
    total = prompt + answer + reasoning
    kinds: set[str] = set()
    usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": answer + reasoning, "total_tokens": total}
    if provider == "xai":
        usage["completion_tokens"] = answer
        if reasoning:
            usage["completion_tokens_details"] = {"reasoning_tokens": reasoning, "audio_tokens": 0}
    elif provider == "google":
        usage["completion_tokens"] = answer
    elif reasoning:
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    elif choice.chance(0.2):
        usage["completion_tokens_details"] = None
    if provider == "deepseek":
        usage |= {"prompt_cache_hit_tokens": cached, "prompt_cache_miss_tokens": prompt - cached}
    elif provider == "mistral" and cached:
        usage["cached_tokens"] = cached
    elif cached or written or choice.chance(0.3):
        usage["prompt_tokens_details"] = {"cached_tokens": cached, "cache_write_tokens": written, "audio_tokens": None}
    if provider not in {"xai", "google"}:
        if choice.chance(0.1):
            del usage["total_tokens"]
        elif choice.chance(0.05):
            usage["total_tokens"] = 1
            kinds.add("contradictory_counts")
    return {**choice.odd_numbers(usage), **choice.noise()}, frozenset(kinds)


def _with_document(
    choice: Choice, draft: Draft, common: dict[str, Any], answer: dict[str, Any], usage: dict[str, Any]
) -> Draft:
    place = choice.random.random()
    if place < 0.1:
        document: dict[str, Any] = {**common, "choices": [{**answer, "usage": usage}]}
    elif place < 0.2:
        document = {**common, "choices": [answer], "usage": None, "x_groq": {"id": "r", "usage": usage}}
    elif place < 0.5:
        document = {"usage": usage, **common, "choices": [answer]}
    else:
        document = {**common, "choices": [answer], "usage": usage}
    return replace(draft, document=document)


def _with_stream(
    choice: Choice,
    draft: Draft,
    common: dict[str, Any],
    values: list[tuple[dict[str, Any], str]],
    usage: dict[str, Any],
    *,
    shows: bool,
) -> Draft:
    habit = choice.random.choice(
        ("own chunk", "own chunk", "last chunk", "zeros", "growing", "later", "inside", "groq")
    )
    parts = [Part(value, text) for value, text in values]
    final: dict[str, Any] = {**common, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    last: list[Part] = [Part(final), Part({**common, "choices": [], "usage": usage})]
    is_shown = shows
    if habit == "own chunk" and choice.chance(0.3):
        last[1] = Part({**common, "choices": None, "usage": usage})
    if habit == "last chunk":
        last, is_shown = [Part({**final, "usage": usage})], True
    elif habit == "zeros":
        parts = [Part({**value, "usage": _ZEROS}, text) for value, text in values]
    elif habit == "growing":
        parts = [Part({**value, "usage": {"prompt_tokens": 1, "total_tokens": 1}}, text) for value, text in values]
    elif habit == "inside":
        last, is_shown = [Part({**common, "choices": [{"index": 0, "delta": {}, "usage": usage}]})], True
    elif habit == "groq":
        last, is_shown = [Part({**final, "x_groq": {"id": "req_1", "usage": usage}})], True
    counted_after = len(parts) + len(last)
    if habit == "later":
        odd: object = choice.random.choice(({}, None, _ZEROS))
        last.append(Part({**common, "choices": [], "usage": odd}))
    if choice.chance(0.8):
        last.append(Part("[DONE]"))
    return replace(draft, parts=(*parts, *last), counted_after=counted_after, shows_usage=is_shown)


def completions_draft(choice: Choice) -> Draft:
    """Drafts a completion, often of a batch of prompts."""
    prompts: object = choice.question
    if choice.chance(0.6):
        prompts = [choice.question] * choice.random.randint(2, 20)
    body: dict[str, Any] = {
        "model": choice.asked_name,
        "prompt": prompts,
        "max_tokens": choice.random.randint(1, 1_000),
    }
    if choice.chance(0.3):
        body |= {"n": 2, "best_of": 3}
    streamed = "best_of" not in body and choice.chance(0.4)
    tokens = {"input": choice.count(10_000), "output": choice.count(2_000)}
    usage = {"prompt_tokens": tokens["input"], "completion_tokens": tokens["output"]}
    usage["total_tokens"] = sum(tokens.values())
    common = {"model": choice.answered_name, "object": "text_completion"}
    draft = Draft(choice.model, choice.endpoint, "/v1/completions", body, Tally(choice.used(tokens)))
    usage = choice.odd_numbers(usage)
    if not streamed:
        return _with_document(choice, draft, common, {"index": 0, "text": "".join(choice.texts())}, usage)
    body["stream"] = True
    values = [({**common, "choices": [{"index": 0, "text": text}]}, text) for text in choice.texts()]
    return _with_stream(choice, draft, common, values, usage, shows=False)


def embeddings_draft(choice: Choice) -> Draft:
    """Drafts an embedding of one text or many."""
    many = choice.chance(0.5)
    body: dict[str, Any] = {"model": choice.asked_name, "input": [choice.question] * 5 if many else choice.question}
    if choice.chance(0.3):
        body["encoding_format"] = "base64"
    tokens = {"input": choice.count(1_500)}
    usage: dict[str, Any] = {"prompt_tokens": tokens["input"], "total_tokens": tokens["input"]}
    kinds: frozenset[str] = frozenset()
    if choice.chance(0.2):
        usage["prompt_tokens"] = 0
        kinds = frozenset({"contradictory_counts"})
    elif choice.chance(0.2):
        del usage["total_tokens"]
    vector: object = "AACAPw==" if "encoding_format" in body else [0.25, -1e-7]
    document = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "model": choice.answered_name,
        "usage": choice.odd_numbers(usage),
    }
    tally = Tally(choice.used(tokens))
    return Draft(choice.model, choice.endpoint, "/v1/embeddings", body, tally, document=document, kinds=kinds)


_TOOLS = {
    "web_search": "web_search_call",
    "file_search": "file_search_call",
    "code_interpreter": "code_interpreter_call",
}


def responses_draft(choice: Choice) -> Draft:
    """Drafts a response, perhaps with hosted tools."""
    streamed = choice.chance(0.6)
    tokens = choice.sides(written=True)
    known = choice.prices.fees_of(choice.model)
    tools = [tool for tool in _TOOLS if tool in known and choice.chance(0.25)]
    fees = {tool: choice.random.randint(1, 4) for tool in tools}
    service = choice.service("tier")
    body: dict[str, Any] = {"model": choice.asked_name, "input": choice.question}
    if tools:
        body["tools"] = [{"type": tool} for tool in tools]
    if service:
        body["service_tier"] = service["tier"]
    if streamed:
        body["stream"] = True
    texts = choice.texts()
    items = [
        {"type": _TOOLS[tool], "status": "completed", "action": {"type": "search"}}
        for tool in tools
        for _ in range(fees[tool])
    ]
    content = [{"type": "output_text", "text": "".join(texts)}]
    status = choice.random.choice(("completed", "completed", "incomplete"))
    response = {
        "id": f"resp_mixed_{choice.number}",
        "object": "response",
        "status": status,
        "model": choice.answered_name,
        "output": [*items, {"type": "message", "content": content}],
        "service_tier": service.get("tier", "default"),
        "usage": _responses_usage(choice, tokens),
        "error": None,
    }
    tally = Tally(choice.used(tokens), fees=fees, service=service)
    draft = Draft(choice.model, choice.endpoint, "/v1/responses", body, tally)
    if not streamed:
        return replace(draft, document=response)
    begun = {**response, "usage": None, "status": "in_progress", "output": []}
    parts = [
        Part({"type": "response.created", "response": begun}),
        Part({"type": "response.in_progress", "response": begun}),
    ]
    parts += [Part({"type": "response.output_item.done", "output_index": 0, "item": item}) for item in items]
    parts += [Part({"type": "response.output_text.delta", "delta": text, "item_id": "i"}, text) for text in texts]
    parts += [Part({"type": f"response.{status}", "response": response})]
    return replace(draft, parts=tuple(parts), counted_after=len(parts))


def _responses_usage(choice: Choice, tokens: dict[str, int]) -> dict[str, Any]:
    cached, written = tokens.get("cache_read", 0), tokens.get("cache_write_5m", 0)
    reasoning = tokens.get("output_reasoning", 0)
    inputs, outputs = tokens["input"] + cached + written, tokens["output"] + reasoning
    usage: dict[str, Any] = {
        "input_tokens": inputs,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "output_tokens": outputs,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": inputs + outputs,
    }
    return {**choice.odd_numbers(usage), **choice.noise()}


def images_draft(choice: Choice) -> Draft:
    """Drafts pictures, which a report calls so or not. Their stream reports with its last event."""
    streamed = choice.chance(0.4)
    tokens = {"input": choice.count(4_000), "output_image": choice.count(8_000)}
    if choice.chance(0.3):
        tokens["cache_read"] = choice.count(1_000)
    usage = _images_usage(choice, tokens)
    body: dict[str, Any] = {"model": choice.asked_name, "prompt": choice.question, "background": "transparent"}
    image = picture(choice.random)
    tally = Tally(choice.used(tokens))
    draft = Draft(choice.model, choice.endpoint, "/v1/images/generations", body, tally)
    if not streamed:
        body["n"] = choice.random.randint(1, 3)
        return replace(draft, document={"created": 1, "data": [{"b64_json": image}] * body["n"], "usage": usage})
    body |= {"stream": True, "partial_images": 1}
    partial = {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": image}
    done = {"type": "image_generation.completed", "b64_json": image, "usage": usage}
    return replace(draft, parts=(Part(partial), Part(done)), counted_after=2)


def _images_usage(choice: Choice, tokens: dict[str, int]) -> dict[str, Any]:
    cached = tokens.get("cache_read", 0)
    inputs, images = tokens["input"] + cached, tokens["output_image"]
    details: dict[str, Any] = {"text_tokens": inputs, "image_tokens": 0}
    if cached:
        details["cached_tokens"] = cached
    usage: dict[str, Any] = {"input_tokens": inputs, "input_tokens_details": details, "total_tokens": inputs + images}
    if choice.chance(0.5):
        tokens["output"] = choice.count(500)
        usage["output_tokens_details"] = {"image_tokens": images, "text_tokens": tokens["output"]}
        usage["total_tokens"] += tokens["output"]
    usage["output_tokens"] = images + tokens.get("output", 0)
    return {**usage, **choice.noise()}
