"""The dialect that errors for a path speak. Python, Envoy's matchers and the module decide by the same roots."""

from typing import Final

from gateway_core.model.dialects import Dialect

ANTHROPIC_ROOT: Final = "/v1/messages"
GEMINI_ROOT: Final = "/v1beta"
GEMINI_MODELS_ROOT: Final = "/v1/models/"
"""Gemini's only where a colon follows in the path: `/v1/models/<model>:<verb>`."""

PATH_PATTERNS: Final = {
    Dialect.ANTHROPIC: rf"{ANTHROPIC_ROOT}([/?].*)?",
    Dialect.GEMINI: rf"{GEMINI_ROOT}([/?].*)?|{GEMINI_MODELS_ROOT}[^?]*:.*",
}
"""RE2 patterns of whole paths, queries included. Every other path speaks OpenAI's dialect."""


def dialect_of_path(path: str) -> Dialect:
    """The dialect of errors for a path, with or without its query; OpenAI where the path says nothing."""
    plain = path.partition("?")[0]
    if _is_below(plain, ANTHROPIC_ROOT):
        return Dialect.ANTHROPIC
    if _is_below(plain, GEMINI_ROOT) or (plain.startswith(GEMINI_MODELS_ROOT) and ":" in plain):
        return Dialect.GEMINI
    return Dialect.OPENAI


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")
