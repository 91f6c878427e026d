"""LangChain's models of OpenAI and Anthropic."""

import os

from langchain_anthropic import ChatAnthropic
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

BASE_URL = os.environ["MEGAROUTER_BASE_URL"]
KEY = os.environ["MEGAROUTER_API_KEY"]
MODEL = os.environ.get("MEGAROUTER_MODEL", "gpt-4o-mini")
QUESTION = "Tell me about the sea."

gpt = ChatOpenAI(model=MODEL, base_url=BASE_URL + "/v1", api_key=KEY)
claude = ChatAnthropic(model="claude-haiku-4-5", base_url=BASE_URL, api_key=KEY, max_tokens=500)


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


@tool("weather")
def _weather(city: str) -> str:
    """Returns the weather of a city."""
    return f"Rain in {city}"


def plain() -> str:
    return gpt.invoke(QUESTION).content


def stream() -> str:
    return "".join(chunk.content for chunk in gpt.stream(QUESTION))


def plain_claude() -> str:
    return claude.invoke(QUESTION).content


def stream_claude() -> str:
    return "".join(str(chunk.text) for chunk in claude.stream(QUESTION))


def tool_call() -> dict[str, object]:
    (call,) = gpt.bind_tools([_weather], tool_choice="any").invoke(QUESTION).tool_calls
    (same,) = claude.bind_tools([_weather], tool_choice="any").invoke(QUESTION).tool_calls
    assert same["args"] == call["args"]
    return {"name": call["name"], "arguments": call["args"]}


def structured() -> dict[str, object]:
    city = gpt.with_structured_output(City).invoke(QUESTION)
    assert claude.with_structured_output(City).invoke(QUESTION) == city
    return city.model_dump()


def embeddings() -> int:
    model = OpenAIEmbeddings(
        model="text-embedding-3-small",
        base_url=BASE_URL + "/v1",
        api_key=KEY,
        check_embedding_ctx_length=False,  # otherwise it downloads a tokenizer
    )
    return len(model.embed_documents(["a", "b"])[1])
