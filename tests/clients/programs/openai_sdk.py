"""OpenAI's SDK for Python."""

import json
import os

import openai
from pydantic import BaseModel

BASE_URL = os.environ["MEGAROUTER_BASE_URL"] + "/v1"
KEY = os.environ["MEGAROUTER_API_KEY"]
MODEL = os.environ.get("MEGAROUTER_MODEL", "gpt-4o-mini")
QUESTION = [{"role": "user", "content": "Tell me about the sea."}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

client = openai.OpenAI(base_url=BASE_URL, api_key=KEY)


class City(BaseModel):
    name: str
    inhabitants: int


def plain() -> str:
    return client.chat.completions.create(model=MODEL, messages=QUESTION).choices[0].message.content


def stream() -> str:
    chunks = client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def response() -> str:
    return client.responses.create(model="gpt-5-mini", input="Tell me about the sea.").output_text


def response_stream() -> str:
    with client.responses.stream(model="gpt-5-mini", input="Tell me about the sea.") as events:
        return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def tool_call() -> dict[str, object]:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    with client.chat.completions.stream(model=MODEL, messages=QUESTION, tools=tools, tool_choice="required") as events:
        (call,) = events.get_final_completion().choices[0].message.tool_calls
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION, tools=tools, tool_choice="required")
    assert answer.choices[0].message.tool_calls[0].function.arguments == call.function.arguments
    return {"name": call.function.name, "arguments": json.loads(call.function.arguments)}


def structured() -> dict[str, object]:
    answer = client.chat.completions.parse(model=MODEL, messages=QUESTION, response_format=City)
    city = answer.choices[0].message.parsed
    assert client.responses.parse(model="gpt-5-mini", input="Where?", text_format=City).output_parsed == city
    return city.model_dump()


def embeddings() -> int:
    return len(client.embeddings.create(model="text-embedding-3-small", input=["a", "b"]).data[1].embedding)


def models() -> list[str]:
    return [model.id for model in client.models.list()]


def count_tokens() -> int:
    return client.responses.input_tokens.count(model="gpt-5-mini", input="Tell me about the sea.").input_tokens
