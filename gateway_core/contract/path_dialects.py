"""The dialect of errors by path. Python, Envoy's matchers and the module use the same path roots."""

from typing import Final

from gateway_core.model.endpoints import ANTHROPIC_BASE, Dialect

ANTHROPIC_ROOT: Final = "/v1/messages"
GEMINI_ROOT: Final = "/v1beta"
GEMINI_MODELS_ROOT: Final = "/v1/models/"
"""Belongs to Gemini only if the rest of the path contains a colon: `/v1/models/<model>:<verb>`."""

PATH_PATTERNS: Final = {
    Dialect.ANTHROPIC: rf"({ANTHROPIC_ROOT}|{ANTHROPIC_BASE})([/?].*)?",
    Dialect.GEMINI: rf"{GEMINI_ROOT}([/?].*)?|{GEMINI_MODELS_ROOT}[^?]*:.*",
}
"""RE2 patterns that match whole paths, including the query. Every other path uses OpenAI's dialect."""


def dialect_of_path(path: str) -> Dialect:
    """Returns the dialect of errors for a path, with or without its query. Unknown paths use OpenAI's."""
    plain = path.partition("?")[0]
    if _is_below(plain, ANTHROPIC_ROOT) or _is_below(plain, ANTHROPIC_BASE):
        return Dialect.ANTHROPIC
    if _is_below(plain, GEMINI_ROOT) or (plain.startswith(GEMINI_MODELS_ROOT) and ":" in plain):
        return Dialect.GEMINI
    return Dialect.OPENAI


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")
