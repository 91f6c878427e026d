"""What the models of the catalog can do, their tiers, and the virtual models that every organization has.

From the providers' public documentation, compared on 2026-12-01. What is not documented is left out: a model that lacks a
capability here serves no routed call that needs it.
"""

from collections.abc import Iterator
from typing import Final

_GPT: Final = "vision files tools json_schema"
_CLAUDE: Final = "vision files tools json_schema reasoning"
_GEMINI: Final = "vision audio files tools json_schema reasoning"

CAPABILITIES: Final = {
    "gpt-6-astra": ("top", f"{_GPT} reasoning"),
    "gpt-6.1-sol": ("top", f"{_GPT} reasoning"),
    "gpt-6.1-terra": ("standard", f"{_GPT} reasoning"),
    "gpt-6-luna": ("light", f"{_GPT} reasoning"),
    "gpt-5.5": ("top", f"{_GPT} reasoning"),
    "gpt-5.4-mini": ("light", f"{_GPT} reasoning"),
    "gpt-5.2": ("top", f"{_GPT} reasoning"),
    "gpt-5": ("top", f"{_GPT} reasoning"),
    "gpt-5-mini": ("standard", f"{_GPT} reasoning"),
    "gpt-5-nano": ("light", f"{_GPT} reasoning"),
    "gpt-4.1": ("top", f"{_GPT} logprobs"),
    "gpt-4.1-mini": ("light", f"{_GPT} logprobs"),
    "gpt-4o": ("top", f"{_GPT} logprobs"),
    "gpt-4o-mini": ("light", f"{_GPT} logprobs"),
    "o3": ("top", f"{_GPT} reasoning"),
    "claude-fable-5-1": ("top", _CLAUDE),
    "claude-opus-5-5": ("top", _CLAUDE),
    "claude-sonnet-5-5": ("standard", _CLAUDE),
    "claude-haiku-5-5": ("light", _CLAUDE),
    "claude-opus-4-8": ("top", _CLAUDE),
    "claude-sonnet-5": ("standard", _CLAUDE),
    "claude-haiku-4-5": ("light", _CLAUDE),
    "gemini-3.5-flash": ("standard", _GEMINI),
    "gemini-3.5-flash-lite": ("light", _GEMINI),
    "gemini-3.1-pro-preview": ("top", _GEMINI),
    "gemini-2.5-pro": ("top", _GEMINI),
    "gemini-2.5-flash": ("standard", _GEMINI),
    "gemini-2.5-flash-lite": ("light", _GEMINI),
    "deepseek-v4-pro": ("top", "tools reasoning"),
    "deepseek-flash": ("light", "tools"),
    "mistral-large-4": ("top", "vision tools json_schema"),
    "mistral-medium-3-5": ("standard", "vision tools json_schema"),
    "mistral-small-2603": ("light", "vision tools json_schema"),
    "grok-4.7": ("top", "vision tools json_schema reasoning"),
    "grok-4.3": ("top", "vision tools json_schema reasoning"),
    "gpt-oss-120b": ("standard", "tools json_schema reasoning"),
    "gpt-oss-20b": ("light", "tools json_schema reasoning"),
    "qwen3.8-27b": ("light", "tools"),
    "command-a-03-2025": ("standard", "tools json_schema"),
}
"""Tier and capabilities by public name."""

VIRTUAL_MODELS: Final = """\
virtual_models:
  - name: auto
    baseline_model: gpt-5.2
    candidates: [gpt-5.2, gpt-5-mini, claude-opus-5-5, claude-haiku-5-5, gemini-2.5-pro, gemini-2.5-flash]
"""


def capability_lines(name: str) -> Iterator[str]:
    """Yields the lines of a model's tier and capabilities."""
    if name in CAPABILITIES:
        tier, capabilities = CAPABILITIES[name]
        yield f"    capabilities: [{', '.join(capabilities.split())}]  # documented"
        yield f"    tier: {tier}  # this project's"
