"""The APIs that the gateway serves: which operation a path names, and in which dialect."""

import enum
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote


class Dialect(enum.StrEnum):
    """The API whose request, response and error shapes a path uses."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"


class Endpoint(enum.StrEnum):
    """An operation of a model."""

    CHAT_COMPLETIONS = "chat_completions"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    MESSAGES = "messages"
    GENERATE_CONTENT = "generate_content"
    COUNT_MESSAGE_TOKENS = "count_message_tokens"
    COUNT_RESPONSE_TOKENS = "count_response_tokens"
    COUNT_CONTENT_TOKENS = "count_content_tokens"

    @property
    def dialect(self) -> Dialect:
        """The dialect of the operation."""
        return _DIALECT_OF[self]

    @property
    def streams(self) -> bool:
        """Whether the operation can answer with a stream."""
        return self is not Endpoint.EMBEDDINGS and not self.is_free

    @property
    def is_free(self) -> bool:
        """Whether calls cost nothing, whatever they contain: token counting."""
        return self in _COUNTED_FOR

    @property
    def offered_with(self) -> frozenset["Endpoint"]:
        """The operations of which a model must offer one, so that this one may be called for it."""
        return _COUNTED_FOR.get(self) or frozenset((self,))

    @property
    def has_optional_output_limit(self) -> bool:
        """Whether a call may leave out its output limit, so that the gateway may write one."""
        return self in {
            Endpoint.CHAT_COMPLETIONS,
            Endpoint.COMPLETIONS,
            Endpoint.RESPONSES,
            Endpoint.GENERATE_CONTENT,
        }

    @property
    def needs_include_usage(self) -> bool:
        """Whether a stream reports usage only if `stream_options.include_usage` asks for it."""
        return self in {Endpoint.CHAT_COMPLETIONS, Endpoint.COMPLETIONS}


_DIALECT_OF: Final = {
    Endpoint.CHAT_COMPLETIONS: Dialect.OPENAI,
    Endpoint.COMPLETIONS: Dialect.OPENAI,
    Endpoint.RESPONSES: Dialect.OPENAI,
    Endpoint.EMBEDDINGS: Dialect.OPENAI,
    Endpoint.MESSAGES: Dialect.ANTHROPIC,
    Endpoint.GENERATE_CONTENT: Dialect.GEMINI,
    Endpoint.COUNT_MESSAGE_TOKENS: Dialect.ANTHROPIC,
    Endpoint.COUNT_RESPONSE_TOKENS: Dialect.OPENAI,
    Endpoint.COUNT_CONTENT_TOKENS: Dialect.GEMINI,
}

_COUNTED_FOR: Final = {
    Endpoint.COUNT_MESSAGE_TOKENS: frozenset({Endpoint.MESSAGES}),
    Endpoint.COUNT_RESPONSE_TOKENS: frozenset({Endpoint.RESPONSES}),
    Endpoint.COUNT_CONTENT_TOKENS: frozenset({Endpoint.GENERATE_CONTENT}),
}
"""The operations whose input an operation counts."""

_SUFFIXES: Final = {
    Endpoint.CHAT_COMPLETIONS: "/chat/completions",
    Endpoint.COMPLETIONS: "/completions",
    Endpoint.RESPONSES: "/responses",
    Endpoint.EMBEDDINGS: "/embeddings",
    Endpoint.MESSAGES: "/messages",
    Endpoint.COUNT_MESSAGE_TOKENS: "/messages/count_tokens",
    Endpoint.COUNT_RESPONSE_TOKENS: "/responses/input_tokens",
}
"""What follows `/v1` here, and the base path at the provider."""
_POST_PATHS: Final = {f"/v1{suffix}": endpoint for endpoint, suffix in _SUFFIXES.items()}

_GEMINI_VERBS: Final = {
    "generateContent": Endpoint.GENERATE_CONTENT,
    "streamGenerateContent": Endpoint.GENERATE_CONTENT,
    "countTokens": Endpoint.COUNT_CONTENT_TOKENS,
}
_STREAM_VERB: Final = "streamGenerateContent"
_VERB_OF: Final = {endpoint: verb for verb, endpoint in _GEMINI_VERBS.items() if verb != _STREAM_VERB}
# Google's SDK uses both versions; newer releases default to /v1.
_GEMINI_PATH: Final = re.compile(rf"/v1(?:beta)?/models/([^/:]+):({'|'.join(_GEMINI_VERBS)})")
_GEMINI_MODEL: Final = re.compile(r"/v1beta/models(?:/([^/:]+))?")
_OPENAI_MODEL: Final = re.compile(r"/v1/models(?:/(.+))?")


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A call of a model. `path_model` and `path_streams` are set if the path determines them (Gemini)."""

    endpoint: Endpoint
    path_model: str | None = None
    path_streams: bool | None = None


@dataclass(frozen=True, slots=True)
class ModelList:
    """A request for the models that the key may call, or for the one named."""

    dialect: Dialect
    model: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """A question whether the gateway answers. It needs no key."""


Route = ModelCall | ModelList | Health
"""What a request may ask for."""

HEALTH_PATH: Final = "/health"
ANTHROPIC_BASE: Final = "/anthropic"
_BASES: Final = {"/openai": Dialect.OPENAI, ANTHROPIC_BASE: Dialect.ANTHROPIC}
"""What may precede `/v1`, as in the base URLs of other gateways. It names the dialect."""


def classify(method: str, path: str, client: Dialect) -> Route | None:
    """Returns what a request asks for, or None for a path that is not served. So no route is unmetered.

    Args:
        method: HTTP method in upper case.
        path: the path without its query. One slash at its end, and a base such as `/openai`, change nothing.
        client: the dialect of the caller's SDK, according to its headers. `GET /v1/models` is the same path in every
            dialect.
    """
    if path.endswith("/") and len(path) > 1:
        path = path[:-1]
    for base, dialect in _BASES.items():
        if path.startswith(f"{base}/v1/"):
            route = _classify(method, path[len(base) :], dialect)
            return route if _dialect(route) is dialect else None
    return _classify(method, path, client)


def _classify(method: str, path: str, client: Dialect) -> Route | None:
    if method == "POST":
        return _classify_post(path)
    # Envoy answers HEAD without the body.
    if method in {"GET", "HEAD"}:
        return Health() if path == HEALTH_PATH else _classify_get(path, client)
    return None


def _dialect(route: Route | None) -> Dialect | None:
    if isinstance(route, ModelCall):
        return route.endpoint.dialect
    return route.dialect if isinstance(route, ModelList) else None


def _classify_post(path: str) -> ModelCall | None:
    if endpoint := _POST_PATHS.get(path):
        return ModelCall(endpoint)
    if match := _GEMINI_PATH.fullmatch(path):
        return ModelCall(_GEMINI_VERBS[match[2]], unquote(match[1]), match[2] == _STREAM_VERB)
    return None


def _classify_get(path: str, dialect: Dialect) -> ModelList | None:
    if match := _OPENAI_MODEL.fullmatch(path):
        return ModelList(dialect, unquote(match[1]) if match[1] else None)
    if match := _GEMINI_MODEL.fullmatch(path):
        return ModelList(Dialect.GEMINI, unquote(match[1]) if match[1] else None)
    return None


_PASSED_QUERY: Final = {Dialect.ANTHROPIC: frozenset({"beta=true"})}
"""The parts of a query that go on to the provider. All others stay here: they could change what a call costs or does."""


def passed_query(endpoint: Endpoint, query: str) -> str:
    """Returns the part of a query that goes on to the provider, each part once; empty if none does."""
    passed = _PASSED_QUERY.get(endpoint.dialect)
    return "&".join(sorted(passed.intersection(query.split("&")))) if passed and query else ""


def upstream_path(endpoint: Endpoint, base_path: str, upstream_model: str, *, streams: bool, query: str = "") -> str:
    """Returns the path sent to the provider: its base path, the suffix of the operation, and the query.

    Gemini's path contains the model, and its query is the gateway's.
    """
    if verb := _VERB_OF.get(endpoint):
        return f"{base_path}/models/{upstream_model}:{f'{_STREAM_VERB}?alt=sse' if streams else verb}"
    path = base_path + _SUFFIXES[endpoint]
    return f"{path}?{query}" if query else path
