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
    """A metered operation."""

    CHAT_COMPLETIONS = "chat_completions"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    MESSAGES = "messages"
    GENERATE_CONTENT = "generate_content"

    @property
    def dialect(self) -> Dialect:
        """The dialect of the operation."""
        return _DIALECT_OF[self]

    @property
    def streams(self) -> bool:
        """Whether the operation can answer with a stream."""
        return self is not Endpoint.EMBEDDINGS

    @property
    def has_optional_output_limit(self) -> bool:
        """Whether a call may leave out its output limit, so that the gateway may write one."""
        return self in _WITH_OPTIONAL_OUTPUT_LIMIT

    @property
    def needs_include_usage(self) -> bool:
        """Whether a stream reports usage only if `stream_options.include_usage` asks for it."""
        return self in {Endpoint.CHAT_COMPLETIONS, Endpoint.COMPLETIONS}


_WITH_OPTIONAL_OUTPUT_LIMIT: Final = frozenset(
    {Endpoint.CHAT_COMPLETIONS, Endpoint.COMPLETIONS, Endpoint.RESPONSES, Endpoint.GENERATE_CONTENT}
)

_DIALECT_OF: Final = {
    Endpoint.CHAT_COMPLETIONS: Dialect.OPENAI,
    Endpoint.COMPLETIONS: Dialect.OPENAI,
    Endpoint.RESPONSES: Dialect.OPENAI,
    Endpoint.EMBEDDINGS: Dialect.OPENAI,
    Endpoint.MESSAGES: Dialect.ANTHROPIC,
    Endpoint.GENERATE_CONTENT: Dialect.GEMINI,
}

_POST_PATHS: Final = {
    "/v1/chat/completions": Endpoint.CHAT_COMPLETIONS,
    "/v1/completions": Endpoint.COMPLETIONS,
    "/v1/responses": Endpoint.RESPONSES,
    "/v1/embeddings": Endpoint.EMBEDDINGS,
    "/v1/messages": Endpoint.MESSAGES,
}

_UPSTREAM_SUFFIXES: Final = {
    Endpoint.CHAT_COMPLETIONS: "/chat/completions",
    Endpoint.COMPLETIONS: "/completions",
    Endpoint.RESPONSES: "/responses",
    Endpoint.EMBEDDINGS: "/embeddings",
    Endpoint.MESSAGES: "/messages",
}

# Google's SDK uses both versions; newer releases default to /v1.
_GEMINI_PATH: Final = re.compile(r"/v1(?:beta)?/models/([^/:]+):(generateContent|streamGenerateContent)")
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
        return ModelCall(Endpoint.GENERATE_CONTENT, unquote(match[1]), match[2] == "streamGenerateContent")
    return None


def _classify_get(path: str, dialect: Dialect) -> ModelList | None:
    if match := _OPENAI_MODEL.fullmatch(path):
        return ModelList(dialect, unquote(match[1]) if match[1] else None)
    if match := _GEMINI_MODEL.fullmatch(path):
        return ModelList(Dialect.GEMINI, unquote(match[1]) if match[1] else None)
    return None


_PASSED_QUERY: Final = {Endpoint.MESSAGES: frozenset({"beta=true"})}
"""The parts of a query that go on to the provider. All others stay here: they could change what a call costs or does."""


def passed_query(endpoint: Endpoint, query: str) -> str:
    """Returns the part of a query that goes on to the provider, each part once; empty if none does."""
    passed = _PASSED_QUERY.get(endpoint)
    return "&".join(sorted(passed.intersection(query.split("&")))) if passed and query else ""


def upstream_path(endpoint: Endpoint, base_path: str, upstream_model: str, *, streams: bool, query: str = "") -> str:
    """Returns the path sent to the provider: its base path, the suffix of the operation, and the query.

    Gemini's path contains the model, and its query is the gateway's.
    """
    if endpoint is Endpoint.GENERATE_CONTENT:
        verb = "streamGenerateContent?alt=sse" if streams else "generateContent"
        return f"{base_path}/models/{upstream_model}:{verb}"
    path = base_path + _UPSTREAM_SUFFIXES[endpoint]
    return f"{path}?{query}" if query else path
