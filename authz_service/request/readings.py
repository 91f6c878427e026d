"""Remembers how bodies were read. Most calls ask for the same as calls before them: the same model with the same settings."""

from collections.abc import Mapping
from typing import Final

from envoy.config.core.v3 import base_pb2
from google.protobuf import struct_pb2

from authz_service.request.call import NO_CONVERSATION_FACTS, Call, ConversationFacts
from gateway_core.contract.headers import ANTHROPIC_BETA, CONTENT_ENCODING, CONTENT_TYPE
from gateway_core.contract.metadata import CONVERSATION_NAMESPACE, REQUEST_NAMESPACE
from gateway_core.contract.request_facts import (
    HAS_SIGNED_THINKING,
    IN_TOOL_LOOP,
    REPEATED_RESULTS,
    SCORES,
    SCORES_VERSION,
    SESSION,
    TURNS,
)
from gateway_core.model.calls.decision import Parameters
from gateway_core.model.endpoints import ModelCall
from gateway_core.model.record_decorator import record
from gateway_core.model.routing.virtual_models import NO_SCORES, Scores
from gateway_core.runtime.bounded_memory import BoundedMemory

_ENTRIES: Final = 4_096
_LONGEST_BYTES: Final = 1_024
"""What has larger facts, a longer path or longer headers is read each time, so the memory stays below some 20 MB."""
_READ_HEADERS: Final = frozenset({CONTENT_TYPE, CONTENT_ENCODING, ANTHROPIC_BETA})
"""The headers on which `read_parameters` depends, except for the size of the body."""

Value = bool | float | str | None
Facts = Mapping[str, Value]
NO_FACTS: Final[Facts] = {}


class FactsMemory:
    """What Envoy's module found in bodies, by the bytes in which Envoy sent it."""

    def __init__(self, entries: int = _ENTRIES) -> None:
        self._known: BoundedMemory[bytes, Facts] = BoundedMemory(entries)

    def read(self, metadata: base_pb2.Metadata) -> tuple[bytes, Facts]:
        """Returns the facts of a call, which must not be changed, and their bytes. Equal bytes are equal facts."""
        namespaces = metadata.filter_metadata
        if REQUEST_NAMESPACE not in namespaces:
            return b"", NO_FACTS
        struct = namespaces[REQUEST_NAMESPACE]
        encoded = struct.SerializeToString()
        facts = self._known.get(encoded)
        if facts is None:
            facts = {name: _value(value) for name, value in struct.fields.items()}
            if len(encoded) <= _LONGEST_BYTES:
                self._known.remember(encoded, facts)
        return encoded, facts


def read_conversation(metadata: base_pb2.Metadata) -> ConversationFacts:
    """Returns what Envoy's module found of the conversation of a call. Calls to models of the catalog have nothing.

    It keeps nothing of the message: while that is not freed, each call takes other memory, which the processor has not cached.
    """
    namespaces = metadata.filter_metadata
    if CONVERSATION_NAMESPACE not in namespaces:
        return NO_CONVERSATION_FACTS
    struct = namespaces[CONVERSATION_NAMESPACE]
    fields = struct.fields
    session, repeated, turns = fields.get(SESSION), fields.get(REPEATED_RESULTS), fields.get(TURNS)
    return ConversationFacts(
        "" if session is None else session.string_value,
        IN_TOOL_LOOP in fields,
        HAS_SIGNED_THINKING in fields,
        0 if repeated is None else int(repeated.number_value),
        0 if turns is None else int(turns.number_value),
        struct.SerializeToString() if SCORES_VERSION in fields else b"",
    )


def read_scores(encoded: bytes) -> Scores:
    """Returns the scores that Envoy's module computed of what the user wrote.

    Args:
        encoded: `ConversationFacts.encoded_scores`.
    """
    if not encoded:
        return NO_SCORES
    fields = struct_pb2.Struct.FromString(encoded).fields
    values = (fields[name].number_value for name in SCORES if name in fields)
    return Scores(int(fields[SCORES_VERSION].number_value), tuple(map(int, values)))


def _value(value: struct_pb2.Value) -> Value:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return value.number_value
    if kind == "bool_value":
        return value.bool_value
    return value.string_value if kind == "string_value" else None


@record(frozen=True, slots=True)
class Reading:
    """What a call asks for."""

    route: ModelCall
    parameters: Parameters


_Key = tuple[str, str, bytes, tuple[tuple[str, bytes], ...]]


class Readings:
    """The readings of calls whose parameters do not depend on the size of their body."""

    def __init__(self, entries: int = _ENTRIES) -> None:
        self._known: BoundedMemory[_Key, Reading] = BoundedMemory(entries)

    def find(self, call: Call) -> Reading | None:
        """Returns the reading of an earlier call that asked for the same."""
        return self._known.get(_key(call)) if call.body_bytes > 0 else None

    def remember(self, call: Call, route: ModelCall, parameters: Parameters) -> None:
        """Remembers a reading, unless it depends on the size of the body or on what the call alone may name."""
        if parameters.size is not None or parameters.references or call.body_bytes <= 0:
            return
        key = _key(call)
        _, path, facts, headers = key
        if len(path) + len(facts) + sum(len(value) for _, value in headers) <= _LONGEST_BYTES:
            self._known.remember(key, Reading(route, parameters))


def _key(call: Call) -> _Key:
    return call.method, call.path, call.encoded_facts, tuple([one for one in call.headers if one[0] in _READ_HEADERS])
