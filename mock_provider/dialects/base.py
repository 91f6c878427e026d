"""What every dialect offers the server, and how dialects read the request fields that they share."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from typing_extensions import override

from mock_provider.controls import Controls
from mock_provider.dialects.demanded_forms import Form
from mock_provider.routes import OPENAI_HABITS, Habits, Route
from mock_provider.usage_plan import Demand, Features, UsagePlan, text_bytes_of
from mock_provider.words import pieces_of, text_of

JsonObject = dict[str, Any]

_ENCODER = json.JSONEncoder(separators=(",", ":"))
_STREAM_PIECES = 8
_CHOICES_MAX = 128


class RefusalError(Exception):
    """The provider refuses the request. The dialect renders the error."""

    def __init__(self, message: str, *, status: int = 400, parameter: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """A valid request, as the dialect read it."""

    body: JsonObject
    model: str
    streamed: bool
    demand: Demand
    habits: Habits = OPENAI_HABITS
    include_usage: bool = False
    obfuscated: bool = False
    form: Form | None = None
    """What the caller demands instead of words."""


@dataclass(frozen=True, slots=True)
class Job:
    """Everything an answer is made from."""

    request: Request
    plan: UsagePlan
    controls: Controls
    serial: str
    """Unique for each call. The id of the answer ends with it."""
    created_s: int
    query: str = ""
    """The raw query string, in which Gemini callers choose the form of a stream."""

    @property
    def first_word(self) -> int:
        """Index of the answer's first word in the vocabulary."""
        return self.request.demand.fingerprint[8]

    @property
    def reports_usage(self) -> bool:
        """False if the caller asked for an answer without usage."""
        return not self.controls.omit_usage

    def choice_tokens(self) -> list[int]:
        """Visible tokens of each returned choice."""
        generated = pieces_of(self.plan.visible, self.request.demand.generated)
        return [size for _, size in generated[: self.request.demand.choices]]

    @property
    def tool_call(self) -> Form | None:
        """The call of a tool that is the answer; None if the answer is text."""
        form = self.request.form
        return form if form is not None and form.tool is not None else None

    def choice_text(self, choice: int, tokens: int) -> str:
        """Returns the text of a choice: `tokens` words, or what the caller demands, which counts as as many tokens."""
        form = self.request.form
        return text_of(tokens, self.first_word + choice) if form is None else form.json

    def stream_pieces(self, choice: int, tokens: int) -> Iterator[tuple[str, int]]:
        """Yields the text events of one choice as (text, tokens). Joined, they are the choice's text."""
        count = self.controls.chunks or max(1, min(_STREAM_PIECES, tokens))
        form = self.request.form
        if form is None:
            for first, size in pieces_of(tokens, count):
                yield text_of(size, self.first_word + choice + first), size
            return
        for (start, length), (_, size) in zip(pieces_of(len(form.json), count), pieces_of(tokens, count), strict=True):
            yield form.json[start : start + length], size


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream, as it goes on the wire."""

    payload: bytes
    tokens: int = 0
    """Visible output tokens in the event."""
    usage: JsonObject | None = None
    """The usage object that it reports, if any."""
    final: bool = False
    """Whether the usage is final."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is not streamed."""

    payload: bytes
    tokens: int
    usage: JsonObject | None
    content_type: str = "application/json"


class Dialect(ABC):
    """One provider API. Implementations hold no state."""

    name: ClassVar[str]
    """The dialect that the caller speaks: openai, anthropic or gemini."""
    features: ClassVar[Features]
    """The kinds of tokens that this endpoint has."""

    @abstractmethod
    def read(self, body: JsonObject, route: Route) -> Request:
        """Validates a request as the provider does. Raises RefusalError."""

    @abstractmethod
    def usage(self, plan: UsagePlan, habits: Habits) -> JsonObject:
        """Returns the final usage object exactly as the provider reports it."""

    def final_usage(self, job: Job) -> JsonObject:
        """Returns the usage of a call, which may depend on the model; empty if the provider never reports it."""
        return self.usage(job.plan, job.request.habits)

    def units(self, job: Job) -> dict[str, int]:  # noqa: ARG002 - some dialects look at it
        """Returns what a call used of what is billed by another unit than the token."""
        return {}

    def reported_usage(self, job: Job) -> JsonObject | None:
        """Returns the usage of a call; None if the caller asked for an answer without usage."""
        return self.final_usage(job) if job.reports_usage else None

    @abstractmethod
    def response_id(self, serial: str) -> str:
        """Returns the id in the body of the answer; empty if the provider gives none."""

    @abstractmethod
    def response_headers(self, serial: str) -> dict[str, str]:
        """Returns the headers that the provider adds to every answer."""

    @abstractmethod
    def answer(self, job: Job) -> Answer:
        """Returns the whole answer to a call that is not streamed."""

    @abstractmethod
    def stream_content_type(self, job: Job) -> str:
        """Returns the content type of a streamed answer."""

    @abstractmethod
    def events(self, job: Job) -> Iterator[Event]:
        """Yields all events of a streamed answer."""

    @abstractmethod
    def error_event(self, job: Job) -> Event:
        """Returns the event with which the provider aborts a stream."""

    @abstractmethod
    def error(self, status: int, message: str, parameter: str | None = None) -> bytes:
        """Returns the JSON body of an error answer."""


class NeverStreamed(Dialect):
    """An operation whose answer is never streamed. A class names this base before that of its API."""

    @override
    def events(self, job: Job) -> Iterator[Event]:
        raise NotImplementedError("this operation is never streamed")

    @override
    def error_event(self, job: Job) -> Event:
        raise NotImplementedError("this operation is never streamed")


def encode(value: JsonObject) -> bytes:
    """Encodes compact JSON, with the fields in the given order."""
    return _ENCODER.encode(value).encode()


def encode_named_event(event: JsonObject) -> bytes:
    """Encodes a server-sent event that has the name of its `type`."""
    kind: str = event["type"]
    return b"event: " + kind.encode() + b"\ndata: " + encode(event) + b"\n\n"


def padding_for(size: int, payload_bytes: int) -> str:
    """Returns text that makes a payload of `payload_bytes` at least `size` bytes long."""
    return "." * max(0, size - payload_bytes)


def demand_of(
    body: JsonObject,
    *,
    model: str,
    content: tuple[str, ...],
    output_limit: int | None = None,
    choices: int = 1,
    generated: int = 1,
) -> Demand:
    """Measures the text of the fields named in `content`. Other fields (`stream`, `user`) do not influence the usage."""
    size, strings = text_bytes_of([body.get(field) for field in content])
    text = "\0".join([model, *strings]).encode("utf-8", "surrogatepass")
    return Demand(
        model=model,
        text_bytes=size,
        fingerprint=hashlib.blake2b(text, digest_size=16).digest(),
        output_limit=output_limit,
        choices=choices,
        generated=generated,
        has_tools=bool(body.get("tools")),
    )


def required_model(body: JsonObject) -> str:
    """Returns the top-level `model`. Raises RefusalError."""
    model = body.get("model")
    if model is None:
        raise RefusalError("you must provide a model parameter", parameter="model")
    if not isinstance(model, str) or not model:
        raise RefusalError("model: expected a non-empty string", parameter="model")
    return model


def required_list(body: JsonObject, field: str) -> list[Any]:
    """Returns the field, which must be a non-empty array. Raises RefusalError."""
    value = body.get(field)
    if not isinstance(value, list) or not value:
        raise RefusalError(f"{field}: expected a non-empty array", parameter=field)
    return value


def required_items(body: JsonObject, field: str) -> None:
    """Checks that the field is a non-empty array of objects, each with a `role`. Raises RefusalError."""
    for index, item in enumerate(required_list(body, field)):
        if not isinstance(item, dict) or not isinstance(item.get("role"), str):
            raise RefusalError(f"{field}[{index}]: expected an object with a role", parameter=f"{field}[{index}]")


def optional_boolean(body: JsonObject, field: str) -> bool:
    """Returns a boolean; False if absent or null. Raises RefusalError."""
    value = body.get(field)
    if value is not None and not isinstance(value, bool):
        raise RefusalError(f"{field}: expected a boolean", parameter=field)
    return bool(value)


def optional_count(body: JsonObject, field: str, *, minimum: int = 1, maximum: int = 2**31 - 1) -> int | None:
    """Returns a whole number from `minimum` to `maximum`, or None if absent or null. Raises RefusalError."""
    value = body.get(field)
    if value is None:
        return None
    if type(value) is not int or not minimum <= value <= maximum:
        raise RefusalError(f"{field}: expected an integer from {minimum} to {maximum}", parameter=field)
    return value


def choice_count(body: JsonObject, field: str) -> int:
    """Returns how many choices the caller wants; 1 by default. Raises RefusalError."""
    return optional_count(body, field, maximum=_CHOICES_MAX) or 1
