"""The APIs that the gateway serves: which operation a path names, and in which dialect."""

import enum
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import unquote

from gateway_core.model.file_calls import FileOperation, classify_file
from gateway_core.model.stored_calls import StoredCall, classify_stored


class Dialect(enum.StrEnum):
    """The API whose request, response and error shapes a path uses."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"


class Endpoint(enum.StrEnum):
    """An operation of a model. What it is like is worked out once, because every call asks for it."""

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
    RERANK_V2 = "rerank_v2"
    OPENAI_FILES = "openai_files"
    ANTHROPIC_FILES = "anthropic_files"
    COUNT_MESSAGE_TOKENS = "count_message_tokens"
    COUNT_RESPONSE_TOKENS = "count_response_tokens"
    COUNT_CONTENT_TOKENS = "count_content_tokens"

    @cached_property
    def dialect(self) -> Dialect:
        """The dialect of the operation."""
        return _DIALECT_OF[self]

    @cached_property
    def streams(self) -> bool:
        """Whether the operation can answer with a stream."""
        return not (self.embeds or self.ranks or self.is_free or self is Endpoint.TRANSLATIONS)

    @cached_property
    def embeds(self) -> bool:
        """Whether the answer is embeddings, which are no tokens."""
        return self in _EMBEDDING

    @cached_property
    def ranks(self) -> bool:
        """Whether the answer is a ranking of the documents in the body, which has no tokens."""
        return self in _RANKING

    @cached_property
    def has_output_tokens(self) -> bool:
        """Whether the answer can consist of tokens."""
        return self not in _WITHOUT_OUTPUT_TOKENS

    @cached_property
    def writes_text(self) -> bool:
        """Whether the answer is text of a model."""
        return not (self.embeds or self.is_free or self in _WITHOUT_TEXT)

    @cached_property
    def makes_images(self) -> bool:
        """Whether the answer is pictures."""
        return self in _IMAGE

    @cached_property
    def is_audio(self) -> bool:
        """Whether sound goes in or comes out, and its length or its text may be what costs."""
        return self in _AUDIO

    @cached_property
    def takes_form(self) -> bool:
        """Whether the body is `multipart/form-data`, and not JSON."""
        return self in _FORM

    @cached_property
    def is_free(self) -> bool:
        """Whether calls cost nothing, whatever they contain: token counting, moderations and uploads."""
        return self in _FREE

    @cached_property
    def uploads(self) -> bool:
        """Whether a call uploads a file."""
        return self in _UPLOADING

    @cached_property
    def offered_with(self) -> frozenset["Endpoint"]:
        """The operations of which a model must offer one, so that this one may be called for it."""
        return _OFFERED_WITH.get(self) or frozenset((self,))

    @cached_property
    def has_optional_output_limit(self) -> bool:
        """Whether a call may leave out its output limit, so that the gateway may write one."""
        return self in _WITH_OPTIONAL_OUTPUT_LIMIT

    @cached_property
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
    Endpoint.EMBED_CONTENT: Dialect.GEMINI,
    Endpoint.BATCH_EMBED_CONTENTS: Dialect.GEMINI,
    Endpoint.IMAGES: Dialect.OPENAI,
    Endpoint.IMAGE_EDITS: Dialect.OPENAI,
    Endpoint.TRANSCRIPTIONS: Dialect.OPENAI,
    Endpoint.TRANSLATIONS: Dialect.OPENAI,
    Endpoint.SPEECH: Dialect.OPENAI,
    Endpoint.MODERATIONS: Dialect.OPENAI,
    Endpoint.RERANK: Dialect.OPENAI,
    Endpoint.RERANK_V2: Dialect.OPENAI,
    Endpoint.OPENAI_FILES: Dialect.OPENAI,
    Endpoint.ANTHROPIC_FILES: Dialect.ANTHROPIC,
    Endpoint.COUNT_MESSAGE_TOKENS: Dialect.ANTHROPIC,
    Endpoint.COUNT_RESPONSE_TOKENS: Dialect.OPENAI,
    Endpoint.COUNT_CONTENT_TOKENS: Dialect.GEMINI,
}

_EMBEDDING: Final = frozenset({Endpoint.EMBEDDINGS, Endpoint.EMBED_CONTENT, Endpoint.BATCH_EMBED_CONTENTS})
_RANKING: Final = frozenset({Endpoint.RERANK, Endpoint.RERANK_V2})
_WITHOUT_OUTPUT_TOKENS: Final = _EMBEDDING | _RANKING
_UPLOADING: Final = frozenset({Endpoint.OPENAI_FILES, Endpoint.ANTHROPIC_FILES})
_IMAGE: Final = frozenset({Endpoint.IMAGES, Endpoint.IMAGE_EDITS})
_AUDIO: Final = frozenset({Endpoint.TRANSCRIPTIONS, Endpoint.TRANSLATIONS, Endpoint.SPEECH})
_FORM: Final = frozenset({Endpoint.IMAGE_EDITS, Endpoint.TRANSCRIPTIONS, Endpoint.TRANSLATIONS})
_WITHOUT_TEXT: Final = _IMAGE | _RANKING | {Endpoint.SPEECH}
_FREE: Final = _UPLOADING | frozenset(
    {
        Endpoint.MODERATIONS,
        Endpoint.COUNT_MESSAGE_TOKENS,
        Endpoint.COUNT_RESPONSE_TOKENS,
        Endpoint.COUNT_CONTENT_TOKENS,
    }
)
_OFFERED_WITH: Final = {
    Endpoint.BATCH_EMBED_CONTENTS: frozenset({Endpoint.EMBED_CONTENT}),
    Endpoint.COUNT_MESSAGE_TOKENS: frozenset({Endpoint.MESSAGES}),
    Endpoint.COUNT_RESPONSE_TOKENS: frozenset({Endpoint.RESPONSES}),
    Endpoint.COUNT_CONTENT_TOKENS: frozenset({Endpoint.GENERATE_CONTENT, Endpoint.EMBED_CONTENT}),
}

_SUFFIXES: Final = {
    Endpoint.CHAT_COMPLETIONS: "/chat/completions",
    Endpoint.COMPLETIONS: "/completions",
    Endpoint.RESPONSES: "/responses",
    Endpoint.EMBEDDINGS: "/embeddings",
    Endpoint.MESSAGES: "/messages",
    Endpoint.IMAGES: "/images/generations",
    Endpoint.IMAGE_EDITS: "/images/edits",
    Endpoint.TRANSCRIPTIONS: "/audio/transcriptions",
    Endpoint.TRANSLATIONS: "/audio/translations",
    Endpoint.SPEECH: "/audio/speech",
    Endpoint.MODERATIONS: "/moderations",
    Endpoint.RERANK: "/rerank",
    Endpoint.OPENAI_FILES: "/files",
    Endpoint.ANTHROPIC_FILES: "/files",
    Endpoint.COUNT_MESSAGE_TOKENS: "/messages/count_tokens",
    Endpoint.COUNT_RESPONSE_TOKENS: "/responses/input_tokens",
}
"""What follows `/v1` here, and the base path at the provider."""
_POST_PATHS: Final = {f"/v1{suffix}": endpoint for endpoint, suffix in _SUFFIXES.items() if not endpoint.uploads} | {
    "/v2/rerank": Endpoint.RERANK_V2
}
_UPLOAD_PATH: Final = "/v1/files"
_UPLOADS: Final = {endpoint.dialect: endpoint for endpoint in _UPLOADING}
IN_DEPLOYMENTS: Final = frozenset(
    {
        Endpoint.CHAT_COMPLETIONS,
        Endpoint.COMPLETIONS,
        Endpoint.EMBEDDINGS,
        Endpoint.IMAGES,
        Endpoint.TRANSCRIPTIONS,
        Endpoint.TRANSLATIONS,
        Endpoint.SPEECH,
    }
)
"""The operations that Azure OpenAI has below `/deployments/<name>`. Its other API, `/openai/v1`, is like OpenAI's."""
ELSEWHERE: Final = frozenset({Endpoint.RERANK_V2})
"""Operations that have no place under the base path of a provider, so that the catalog must name their path."""

GEMINI_VERBS: Final = {
    "generateContent": Endpoint.GENERATE_CONTENT,
    "streamGenerateContent": Endpoint.GENERATE_CONTENT,
    "embedContent": Endpoint.EMBED_CONTENT,
    "batchEmbedContents": Endpoint.BATCH_EMBED_CONTENTS,
    "countTokens": Endpoint.COUNT_CONTENT_TOKENS,
}
"""The operations of Gemini's models by what follows the colon."""
_STREAM_VERB: Final = "streamGenerateContent"
_VERB_OF: Final = {endpoint: verb for verb, endpoint in GEMINI_VERBS.items() if verb != _STREAM_VERB}
# Google's SDK uses both versions; newer releases default to /v1.
_GEMINI_PATH: Final = re.compile(rf"/v1(?:beta)?/models/([^/:]+):({'|'.join(GEMINI_VERBS)})")
_GEMINI_MODEL: Final = re.compile(r"/v1beta/models(?:/([^/:]+))?")
_OPENAI_MODEL: Final = re.compile(r"/v1/models(?:/(.+))?")


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A call of a model. `path_model` and `path_streams` are set if the path determines them (Gemini)."""

    endpoint: Endpoint
    path_model: str | None = None
    path_streams: bool | None = None


@dataclass(frozen=True, slots=True)
class FileUpload:
    """An upload of a file. It names no model."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class FileCall:
    """A call about a stored file. It names no model."""

    operation: FileOperation
    file_id: str
    dialect: Dialect


@dataclass(frozen=True, slots=True)
class ModelList:
    """A request for the models that the key may call, or for the one named."""

    dialect: Dialect
    model: str | None


@dataclass(frozen=True, slots=True)
class Feedback:
    """A rating of an answer. It names no model, and authz_service takes it itself."""

    dialect: Dialect


@dataclass(frozen=True, slots=True)
class Health:
    """A question whether the gateway answers. It needs no key."""


Route = ModelCall | StoredCall | FileUpload | FileCall | ModelList | Feedback | Health
"""What a request may ask for."""

HEALTH_PATH: Final = "/health"
FEEDBACK_PATH: Final = "/v1/feedback"
_API_ROOT: Final = "/v1"
ANTHROPIC_BASE: Final = "/anthropic"
_BASES: Final = {"/openai": Dialect.OPENAI, ANTHROPIC_BASE: Dialect.ANTHROPIC}
"""What may precede `/v1`, as in the base URLs of other gateways. It names the dialect."""


def classify(method: str, path: str, client: Dialect) -> Route | None:
    """Returns what a request asks for, or None for a path that is not served. So no route is unmetered.

    Args:
        method: HTTP method in upper case.
        path: the path without its query. One slash at its end, and a base such as `/openai`, change nothing.
        client: the dialect of the caller's SDK, according to its headers. `GET /v1/models` and `/v1/files` are the
            same paths in several dialects.
    """
    if path.endswith("/") and len(path) > 1:
        path = path[:-1]
    for base, dialect in () if path.startswith(_API_ROOT) else _BASES.items():
        if path.startswith(f"{base}/v1/"):
            route = _classify(method, path[len(base) :], dialect)
            return route if _dialect(route) is dialect else None
    return _classify(method, path, client)


def _classify(method: str, path: str, client: Dialect) -> Route | None:
    found: Route | None = None
    if method == "POST":
        found = _classify_post(path, client)
    elif method in {"GET", "HEAD"}:  # Envoy answers HEAD without the body.
        found = Health() if path == HEALTH_PATH else _classify_get(path, client)
    return found or classify_stored(method, path) or _classify_file(method, path, client)


def _dialect(route: Route | None) -> Dialect | None:
    if isinstance(route, ModelCall | FileUpload):
        return route.endpoint.dialect
    if isinstance(route, StoredCall):
        return Dialect.OPENAI
    return route.dialect if isinstance(route, ModelList | FileCall | Feedback) else None


def _classify_post(path: str, client: Dialect) -> ModelCall | FileUpload | Feedback | None:
    if endpoint := _POST_PATHS.get(path):
        return ModelCall(endpoint)
    if path == FEEDBACK_PATH:
        return Feedback(client)
    if match := _GEMINI_PATH.fullmatch(path):
        return ModelCall(GEMINI_VERBS[match[2]], unquote(match[1]), match[2] == _STREAM_VERB)
    upload = _UPLOADS.get(client) if path == _UPLOAD_PATH else None
    return FileUpload(upload) if upload else None


def _classify_file(method: str, path: str, client: Dialect) -> FileCall | None:
    found = classify_file(method, path)
    if found is None or (client is Dialect.GEMINI and not found.is_gemini):
        return None
    return FileCall(found.operation, found.file_id, Dialect.GEMINI if found.is_gemini else client)


def _classify_get(path: str, dialect: Dialect) -> ModelList | None:
    if match := _OPENAI_MODEL.fullmatch(path):
        return ModelList(dialect, unquote(match[1]) if match[1] else None)
    if match := _GEMINI_MODEL.fullmatch(path):
        return ModelList(Dialect.GEMINI, unquote(match[1]) if match[1] else None)
    return None


_PASSED_QUERY: Final = {Dialect.ANTHROPIC: frozenset({"beta=true"}), Dialect.GEMINI: frozenset({"alt=sse", "$alt=sse"})}
"""The parts of a query that go on to the provider. All others stay here: they could change what a call costs or does."""


def passed_query(endpoint: Endpoint, query: str) -> str:
    """Returns the part of a query that goes on to the provider, each part once; empty if none does."""
    passed = _PASSED_QUERY.get(endpoint.dialect) if query else None
    return "&".join(sorted(passed.intersection(query.split("&")))) if passed else ""


def upstream_path(
    endpoint: Endpoint,
    base_path: str,
    upstream_model: str,
    *,
    streams: bool,
    query: str = "",
    own_path: str | None = None,
) -> str:
    """Returns the path sent to the provider: its base path, the suffix of the operation, and the query.

    Gemini's path contains the model. Its query chooses the form of a stream. `own_path` replaces the base path and the
    suffix.
    """
    if verb := _VERB_OF.get(endpoint):
        path = f"{base_path}/models/{upstream_model}:{_STREAM_VERB if streams else verb}"
        return f"{path}?{query}" if streams and query else path
    path = own_path or base_path + _SUFFIXES[endpoint]
    return f"{path}?{query}" if query else path
