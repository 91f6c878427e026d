"""Agents of Pydantic AI with models of OpenAI, Anthropic and Google."""

import os

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

BASE_URL = os.environ["MEGAROUTER_BASE_URL"]
KEY = os.environ["MEGAROUTER_API_KEY"]
MODEL = os.environ.get("MEGAROUTER_MODEL", "gpt-4o-mini")
QUESTION = "Tell me about the sea."

gpt = OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=BASE_URL + "/v1", api_key=KEY))


class City(BaseModel):
    name: str
    inhabitants: int


def plain() -> str:
    return Agent(gpt).run_sync(QUESTION).output


async def stream() -> str:
    async with Agent(gpt).run_stream(QUESTION) as answer:
        return "".join([part async for part in answer.stream_text(delta=True)])


def plain_claude() -> str:
    model = AnthropicModel("claude-haiku-4-5", provider=AnthropicProvider(base_url=BASE_URL, api_key=KEY))
    return Agent(model).run_sync(QUESTION).output


def plain_gemini() -> str:
    model = GoogleModel("gemini-2.5-flash", provider=GoogleProvider(base_url=BASE_URL, api_key=KEY))
    return Agent(model).run_sync(QUESTION).output


def structured() -> dict[str, object]:
    """Returns an output that the agent demands as a call of a tool."""
    return Agent(gpt, output_type=City).run_sync(QUESTION).output.model_dump()
