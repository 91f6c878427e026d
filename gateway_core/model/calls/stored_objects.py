"""What a provider stores under an id that it handed out, and who may name it.

All organizations share one account at a provider, so an id passes only for the member to whom an answer gave it, for the
present owner of the key if that was transferred, or for whom an operator registered it.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple, TypeGuard

from gateway_core.model.calls.refusals import Refusal, RefusalReason
from gateway_core.model.catalog.request_size import RequestSize
from gateway_core.model.endpoints import Dialect
from gateway_core.model.record_decorator import record

MAX_ID_CHARACTERS: Final = 256
_SHOWN_CHARACTERS: Final = 128
_GEMINI_FILES: Final = "/files/"


class ObjectKind(enum.StrEnum):
    """What an id names. The values are stored and agreed with Envoy's module."""

    RESPONSE = "response"
    ITEM = "item"
    """An item of a response."""
    CONVERSATION = "conversation"
    PROMPT = "prompt"
    CONTAINER = "container"
    CACHED_CONTENT = "cached_content"
    FILE = "file"
    """A file, a vector store or a skill."""
    AUDIO = "audio"

    @property
    def is_handed_out(self) -> bool:
        """Whether an answer through the gateway can hand out such an id. The others have to be registered."""
        return self not in {ObjectKind.CONVERSATION, ObjectKind.PROMPT, ObjectKind.CACHED_CONTENT}


class ObjectName(NamedTuple):
    """An id with its kind."""

    kind: ObjectKind
    object_id: str


@record(frozen=True, slots=True)
class StoredObject:
    """An object that the caller may name."""

    name: ObjectName
    provider: str
    response_id: str | None
    """The response that handed it out; None if none did."""
    model: str | None
    """The model that was called then."""
    tokens: int | None
    """The most input tokens that the object adds to a later call of the model; None if unknown."""


_PARAMETERS: Final = {
    ObjectKind.RESPONSE: "previous_response_id",
    ObjectKind.ITEM: "input",
    ObjectKind.CONVERSATION: "conversation",
    ObjectKind.PROMPT: "prompt",
    ObjectKind.CONTAINER: "container",
    ObjectKind.CACHED_CONTENT: "cachedContent",
    ObjectKind.FILE: "file_id",
    ObjectKind.AUDIO: "messages",
}


def is_object_id(value: object) -> TypeGuard[str]:
    """Returns whether a value can be an id: printable ASCII without spaces."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_ID_CHARACTERS
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )


def named(lines: Iterable[str]) -> tuple[ObjectName, ...]:
    """Returns the names that Envoy's module writes as `<kind>:<id>`.

    Raises:
        ValueError: a kind is unknown.
    """
    return tuple(name_of(*line.partition(":")[::2]) for line in lines)


def name_of(kind: str, object_id: str) -> ObjectName:
    """Returns a name. A file of Gemini has the same one by its URL and by its path.

    Raises:
        ValueError: the kind is unknown.
    """
    known = ObjectKind(kind)
    if known is ObjectKind.FILE and _GEMINI_FILES in object_id:
        object_id = object_id[object_id.rindex(_GEMINI_FILES) + 1 :]
    return ObjectName(known, object_id)


def refuse_unknown(name: ObjectName, dialect: Dialect) -> Refusal:
    """Returns the refusal of a call that names an object that does not exist for the caller.

    It is the same whether the id is free, expired, or another member's.
    """
    reason = RefusalReason.STORED_OBJECT_NOT_FOUND
    parameter = _PARAMETERS[name.kind]
    if name.kind is ObjectKind.RESPONSE:
        reason = RefusalReason.PREVIOUS_RESPONSE_NOT_FOUND
    elif name.kind is ObjectKind.FILE and dialect is Dialect.GEMINI:
        parameter = "fileData"
    elif name.kind is ObjectKind.FILE and name.object_id.startswith("vs_"):
        parameter = "vector_store_ids"
    what = name.kind.replace("_", " ").capitalize()
    shown = repr(name.object_id[:_SHOWN_CHARACTERS])
    how = "Name only what an answer to one of your own calls handed out, or ask the operator to register the id."
    return Refusal(reason, f"{what} with id {shown} not found. {how}", parameter)


def refuse_unknown_object(name: ObjectName) -> Refusal:
    """Returns the refusal of a call about an object that does not exist for the caller."""
    message = f"{name.kind.capitalize()} with id {name.object_id[:_SHOWN_CHARACTERS]!r} not found."
    return Refusal(RefusalReason.STORED_OBJECT_NOT_FOUND, message, f"{name.kind}_id")


def with_known_tokens(size: RequestSize, objects: Mapping[ObjectName, StoredObject], model: str) -> RequestSize:
    """Returns the size of a request whose references are known.

    Args:
        size: the size, with every reference counted as unknown.
        objects: what the body names.
        model: the model called. Another model may count more tokens for the same text.
    """
    tokens: dict[str, int] = {}
    unknown = 0
    for stored in objects.values():
        if stored.tokens is None or stored.model != model:
            unknown += 1
        else:
            # The items of one response are parts of the same tokens.
            source = stored.response_id or stored.name.object_id
            tokens[source] = max(tokens.get(source, 0), stored.tokens)
    return replace(size, references=unknown, referenced_tokens=sum(tokens.values()))
