"""LiteLLM as an SDK."""

import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise it downloads prices

import litellm
from pydantic import BaseModel

BASE_URL = os.environ["MEGAROUTER_BASE_URL"]
KEY = os.environ["MEGAROUTER_API_KEY"]
MODEL = os.environ.get("MEGAROUTER_MODEL", "gpt-4o-mini")
QUESTION = [{"role": "user", "content": "Tell me about the sea."}]
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
GPT = {"model": f"openai/{MODEL}", "api_base": BASE_URL + "/v1", "api_key": KEY, "messages": QUESTION}


class City(BaseModel):
    name: str
    inhabitants: int


def plain() -> str:
    return litellm.completion(**GPT).choices[0].message.content


def stream() -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in litellm.completion(**GPT, stream=True))


def plain_claude() -> str:
    answer = litellm.completion(
        model="anthropic/claude-haiku-4-5", api_base=BASE_URL, api_key=KEY, messages=QUESTION, max_tokens=500
    )
    return answer.choices[0].message.content


def plain_gemini() -> str:
    answer = litellm.completion(
        model="gemini/gemini-2.5-flash",
        api_base=f"{BASE_URL}/v1beta",
        api_key=KEY,
        messages=QUESTION,
    )
    return answer.choices[0].message.content


def tool_call() -> dict[str, object]:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    answer = litellm.completion(**GPT, tools=tools, tool_choice="required")
    (call,) = answer.choices[0].message.tool_calls
    return {"name": call.function.name, "arguments": json.loads(call.function.arguments)}


def structured() -> object:
    return json.loads(litellm.completion(**GPT, response_format=City).choices[0].message.content)


def embeddings() -> int:
    answer = litellm.embedding(
        model="openai/text-embedding-3-small", api_base=BASE_URL + "/v1", api_key=KEY, input=["a", "b"]
    )
    return len(answer.data[1]["embedding"])
