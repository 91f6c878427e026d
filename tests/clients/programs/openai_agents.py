"""OpenAI's Agents SDK, which uses responses."""

import os

import agents
import openai
from pydantic import BaseModel

MODEL = os.environ.get("MEGAROUTER_MODEL", "gpt-5-mini")
QUESTION = "Tell me about the sea."

agents.set_default_openai_client(
    openai.AsyncOpenAI(base_url=os.environ["MEGAROUTER_BASE_URL"] + "/v1", api_key=os.environ["MEGAROUTER_API_KEY"])
)
agents.set_tracing_disabled(True)


class City(BaseModel):
    name: str
    inhabitants: int


async def plain() -> str:
    return (await agents.Runner.run(agents.Agent(name="Guide", model=MODEL), QUESTION)).final_output


async def stream() -> str:
    running = agents.Runner.run_streamed(agents.Agent(name="Guide", model=MODEL), QUESTION)
    events = [event async for event in running.stream_events() if event.type == "raw_response_event"]
    return "".join(event.data.delta for event in events if event.data.type == "response.output_text.delta")


async def tool_call() -> dict[str, object]:
    """Lets the agent call a tool, and the model answer to what the tool returned."""
    called: list[dict[str, object]] = []

    @agents.function_tool
    def weather(city: str) -> str:
        called.append({"name": "weather", "arguments": {"city": city}})
        return f"Rain in {city}"

    settings = agents.ModelSettings(tool_choice="required")
    agent = agents.Agent(name="Guide", model=MODEL, tools=[weather], model_settings=settings)
    assert (await agents.Runner.run(agent, QUESTION)).final_output
    (call,) = called
    return call


async def structured() -> dict[str, object]:
    agent = agents.Agent(name="Guide", model=MODEL, output_type=City)
    return (await agents.Runner.run(agent, QUESTION)).final_output.model_dump()
