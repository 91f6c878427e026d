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


class StoredOperation(enum.StrEnum):
    """What a call does with a response that the provider stores. It costs nothing."""

    RETRIEVE = "retrieve"
    DELETE = "delete"
    CANCEL = "cancel"
    LIST_INPUT_ITEMS = "list_input_items"


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
_STORED_RESPONSE: Final = re.compile(r"/v1/responses/([A-Za-z0-9_-]{1,256})(/cancel|/input_items)?")
_STORED_OPERATIONS: Final = {
    ("GET", ""): StoredOperation.RETRIEVE,
    ("DELETE", ""): StoredOperation.DELETE,
    ("POST", "/cancel"): StoredOperation.CANCEL,
    ("GET", "/input_items"): StoredOperation.LIST_INPUT_ITEMS,
}
_STORED_SUFFIXES: Final = {operation: suffix for (_, suffix), operation in _STORED_OPERATIONS.items()}
_OPENAI_MODEL: Final = re.compile(r"/v1/models(?:/(.+))?")


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A call of a model. `path_model` and `path_streams` are set if the path determines them (Gemini)."""

    endpoint: Endpoint
    path_model: str | None = None
    path_streams: bool | None = None


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call about a stored response. It names no model."""

    operation: StoredOperation
    response_id: str


@dataclass(frozen=True, slots=True)
class ModelList:
    """A request for the models that the key may call, or for the one named."""

    dialect: Dialect
    model: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """A question whether the gateway answers. It needs no key."""


Route = ModelCall | StoredCall | ModelList | Health
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
    if stored := _classify_stored(method, path):
        return stored
    if method == "POST":
        return _classify_post(path)
    # Envoy answers HEAD without the body.
    if method in {"GET", "HEAD"}:
        return Health() if path == HEALTH_PATH else _classify_get(path, client)
    return None


def _dialect(route: Route | None) -> Dialect | None:
    if isinstance(route, ModelCall):
        return route.endpoint.dialect
    if isinstance(route, StoredCall):
        return Dialect.OPENAI
    return route.dialect if isinstance(route, ModelList) else None


def _classify_stored(method: str, path: str) -> StoredCall | None:
    match = _STORED_RESPONSE.fullmatch(path)
    operation = _STORED_OPERATIONS.get((method, match[2] or "")) if match else None
    return StoredCall(operation, match[1]) if match and operation else None


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


_INCLUDED: Final = frozenset({"include", "include[]", "include%5B%5D"})
_STORED_QUERIES: Final = {
    StoredOperation.RETRIEVE: _INCLUDED,
    StoredOperation.LIST_INPUT_ITEMS: _INCLUDED | {"after", "before", "limit", "order"},
}
_PLAIN_VALUE: Final = re.compile(r"[A-Za-z0-9_.-]{1,256}")


def stored_path(call: StoredCall, base_path: str, query: str) -> str:
    """Returns the path sent to the provider for a stored response, with the parts of the query that go on."""
    path = f"{base_path}/responses/{call.response_id}{_STORED_SUFFIXES[call.operation]}"
    names = _STORED_QUERIES.get(call.operation, frozenset())
    passed = [part for part in query.split("&") if _is_passed(part, names)]
    return f"{path}?{'&'.join(passed)}" if passed else path


def _is_passed(part: str, names: frozenset[str]) -> bool:
    name, _, value = part.partition("=")
    return name in names and _PLAIN_VALUE.fullmatch(value) is not None


def upstream_path(endpoint: Endpoint, base_path: str, upstream_model: str, *, streams: bool, query: str = "") -> str:
    """Returns the path sent to the provider: its base path, the suffix of the operation, and the query.

    Gemini's path contains the model, and its query is the gateway's.
    """
    if endpoint is Endpoint.GENERATE_CONTENT:
        verb = "streamGenerateContent?alt=sse" if streams else "generateContent"
        return f"{base_path}/models/{upstream_model}:{verb}"
    path = base_path + _UPSTREAM_SUFFIXES[endpoint]
    return f"{path}?{query}" if query else path
