"""Maps a request path to the endpoint of a provider, and to the habits of that provider."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Endpoint(StrEnum):
    """The operations that the mock provider serves."""

    CHAT_COMPLETIONS = "chat_completions"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    MESSAGES = "messages"
    GENERATE_CONTENT = "generate_content"
    EMBED_CONTENT = "embed_content"
    BATCH_EMBED_CONTENTS = "batch_embed_contents"
    IMAGES = "images"
    IMAGE_EDITS = "image_edits"
    TRANSCRIPTIONS = "transcriptions"
    TRANSLATIONS = "translations"
    SPEECH = "speech"
    MODERATIONS = "moderations"
    RERANK = "rerank"
    COUNT_MESSAGE_TOKENS = "count_message_tokens"
    COUNT_RESPONSE_TOKENS = "count_response_tokens"
    COUNT_CONTENT_TOKENS = "count_content_tokens"


FORMS = frozenset({Endpoint.IMAGE_EDITS, Endpoint.TRANSCRIPTIONS, Endpoint.TRANSLATIONS})
"""The operations whose bodies are forms."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How OpenAI-compatible providers differ from OpenAI in chat and legacy completions."""

    stream_options_accepted: bool = True
    """False: `stream_options` is refused with 422 as an unknown field."""
    usage_unasked: bool = False
    """True: the last chunk of every stream has the usage, even if not requested."""
    reasoning_apart: bool = False
    """True: `completion_tokens` excludes reasoning, which only `total_tokens` includes."""
    totals_only: bool = False
    """True: the usage has no details, and the prompt is never cached."""


@dataclass(frozen=True, slots=True)
class Route:
    """The target of a path. The optional fields are set if the path determines them."""

    endpoint: Endpoint
    habits: Habits | None = None
    model: str | None = None
    streamed: bool | None = None
    needs_api_version: bool = False
    """Whether the query must name a version of the API, as in Azure OpenAI's API of deployments."""


OPENAI_HABITS = Habits()
_GOOGLE = Habits(reasoning_apart=True)
_ANTHROPIC = Habits(totals_only=True)
_XAI = Habits(reasoning_apart=True)
_MISTRAL = Habits(stream_options_accepted=False, usage_unasked=True)
_COHERE = Habits(stream_options_accepted=False, usage_unasked=True)

_BY_SEGMENT = {
    "openai": OPENAI_HABITS,
    "deepseek": OPENAI_HABITS,
    "groq": OPENAI_HABITS,
    "anthropic": _ANTHROPIC,
    "google": _GOOGLE,
    "xai": _XAI,
    "mistral": _MISTRAL,
    "cohere": _COHERE,
}
_BY_PATH_PART = (("/v1beta/openai/", _GOOGLE), ("/compatibility/v1/", _COHERE))
_BY_MODEL = (
    ("claude-", _ANTHROPIC),
    ("gemini-", _GOOGLE),
    ("grok-", _XAI),
    ("mistral-", _MISTRAL),
    ("ministral-", _MISTRAL),
    ("codestral-", _MISTRAL),
    ("command-", _COHERE),
)

# Order matters: `/chat/completions` also ends with `/completions`.
_SUFFIXES = (
    ("/chat/completions", Endpoint.CHAT_COMPLETIONS),
    ("/completions", Endpoint.COMPLETIONS),
    ("/responses", Endpoint.RESPONSES),
    ("/embeddings", Endpoint.EMBEDDINGS),
    ("/messages", Endpoint.MESSAGES),
    ("/images/generations", Endpoint.IMAGES),
    ("/images/edits", Endpoint.IMAGE_EDITS),
    ("/audio/transcriptions", Endpoint.TRANSCRIPTIONS),
    ("/audio/translations", Endpoint.TRANSLATIONS),
    ("/audio/speech", Endpoint.SPEECH),
    ("/moderations", Endpoint.MODERATIONS),
    ("/rerank", Endpoint.RERANK),
    ("/messages/count_tokens", Endpoint.COUNT_MESSAGE_TOKENS),
    ("/responses/input_tokens", Endpoint.COUNT_RESPONSE_TOKENS),
)
_IN_DEPLOYMENT = "/openai/deployments/"
_GEMINI_METHODS = {
    "generateContent": Endpoint.GENERATE_CONTENT,
    "streamGenerateContent": Endpoint.GENERATE_CONTENT,
    "embedContent": Endpoint.EMBED_CONTENT,
    "batchEmbedContents": Endpoint.BATCH_EMBED_CONTENTS,
    "countTokens": Endpoint.COUNT_CONTENT_TOKENS,
}
_GEMINI = re.compile(rf"/models/(?P<model>[^/]+):(?P<method>{'|'.join(_GEMINI_METHODS)})\Z")


@lru_cache(maxsize=1024)
def route(path: str) -> Route | None:
    """Returns the endpoint of `path` (percent-decoded, without query) under any prefix, or None if there is none."""
    gemini = _GEMINI.search(path)
    if gemini is not None:
        streamed = gemini["method"] == "streamGenerateContent"
        return Route(_GEMINI_METHODS[gemini["method"]], model=gemini["model"], streamed=streamed)
    for suffix, endpoint in _SUFFIXES:
        if path.endswith(suffix):
            return Route(endpoint, _habits(path), needs_api_version=_IN_DEPLOYMENT in path)
    return None


def habits_of(route: Route, model: str) -> Habits:
    """Returns the habits of the provider in the path, otherwise those of the maker of `model`, otherwise OpenAI's."""
    if route.habits is not None:
        return route.habits
    return next((habits for prefix, habits in _BY_MODEL if model.startswith(prefix)), OPENAI_HABITS)


def _habits(path: str) -> Habits | None:
    by_segment = _BY_SEGMENT.get(path.split("/", 2)[1])
    return by_segment or next((habits for part, habits in _BY_PATH_PART if part in path), None)
