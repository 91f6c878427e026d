"""Google's SDK for Python."""

import os

from google import genai
from google.genai import types
from pydantic import BaseModel

MODEL = os.environ.get("MEGAROUTER_MODEL", "gemini-2.5-flash")
QUESTION = "Tell me about the sea."

client = genai.Client(
    api_key=os.environ["MEGAROUTER_API_KEY"], http_options=types.HttpOptions(base_url=os.environ["MEGAROUTER_BASE_URL"])
)


class City(BaseModel):
    name: str
    inhabitants: int


def plain() -> str:
    return client.models.generate_content(model=MODEL, contents=QUESTION).text


def stream() -> str:
    return "".join(chunk.text for chunk in client.models.generate_content_stream(model=MODEL, contents=QUESTION))


def tool_call() -> dict[str, object]:
    city = types.Schema(type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)})
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[types.FunctionDeclaration(name="weather", parameters=city)])],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
        ),
    )
    (call,) = client.models.generate_content(model=MODEL, contents=QUESTION, config=config).function_calls
    (chunk,) = client.models.generate_content_stream(model=MODEL, contents=QUESTION, config=config)
    assert chunk.function_calls[0].args == call.args
    return {"name": call.name, "arguments": call.args}


def structured() -> dict[str, object]:
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
    return client.models.generate_content(model=MODEL, contents=QUESTION, config=config).parsed.model_dump()


def embeddings() -> int:
    answer = client.models.embed_content(model="gemini-embedding-001", contents=["a", "b"])
    return len(answer.embeddings[1].values)


def models() -> list[str]:
    return [model.name for model in client.models.list()]


def count_tokens() -> int:
    return client.models.count_tokens(model=MODEL, contents=QUESTION).total_tokens
