"""Anthropic's SDK for Python."""

import json
import os

import anthropic

MODEL = os.environ.get("MEGAROUTER_MODEL", "claude-haiku-4-5-20251001")  # a dated name of a model in the catalog
QUESTION = [{"role": "user", "content": "Tell me about the sea."}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CITY = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["name", "inhabitants"],
    "additionalProperties": False,
}

client = anthropic.Anthropic(base_url=os.environ["MEGAROUTER_BASE_URL"], api_key=os.environ["MEGAROUTER_API_KEY"])


def plain() -> str:
    return client.messages.create(model=MODEL, max_tokens=500, messages=QUESTION).content[0].text


def stream() -> str:
    with client.messages.stream(model=MODEL, max_tokens=500, messages=QUESTION) as events:
        return "".join(events.text_stream)


def tool_call() -> dict[str, object]:
    tools = [{"name": "weather", "input_schema": WEATHER}]
    asked = {"model": MODEL, "max_tokens": 500, "messages": QUESTION, "tools": tools, "tool_choice": {"type": "any"}}
    with client.messages.stream(**asked) as events:
        (call,) = events.get_final_message().content
    assert client.messages.create(**asked).content[0].input == call.input
    return {"name": call.name, "arguments": call.input}


def structured() -> object:
    answer = client.messages.create(
        model=MODEL,
        max_tokens=500,
        messages=QUESTION,
        output_config={"format": {"type": "json_schema", "schema": CITY}},
    )
    return json.loads(answer.content[0].text)


def cache_filled() -> int:
    """Fills the prompt cache, as Anthropic documents it: `max_tokens` is 0."""
    answer = client.messages.create(model=MODEL, max_tokens=0, messages=QUESTION)
    assert answer.usage.output_tokens == 0
    return answer.usage.input_tokens


def models() -> list[str]:
    return [model.id for model in client.models.list()]


def count_tokens() -> int:
    plain_count = client.messages.count_tokens(model=MODEL, messages=QUESTION)
    assert client.beta.messages.count_tokens(model=MODEL, messages=QUESTION).input_tokens == plain_count.input_tokens
    return plain_count.input_tokens
