"""What the answer of a call handed out, as rows of `stored_objects`."""

from collections.abc import Iterator, Mapping
from typing import Final

from gateway_core.contract.usage_facts import UsageFact
from gateway_core.model.calls.holds import Claims
from gateway_core.model.calls.stored_objects import ObjectKind, ObjectName, is_object_id, name_of
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.endpoints import Endpoint
from gateway_core.model.record_decorator import record

DEFAULT_LIFE_MS: Final = 30 * 24 * 3_600 * 1_000
COLUMNS: Final = (
    *("provider_id", "kind", "object_id", "organization_id", "member_id", "api_key_id", "response_id"),
    *("requested_model", "tokens:bigint", "expire_time:instant"),
)
Row = tuple[str | int | None, ...]

# Only the kinds that an operation hands out count, because other answers may have the same keys.
_KINDS: Final = {
    Endpoint.RESPONSES: frozenset({ObjectKind.ITEM, ObjectKind.CONTAINER}),
    Endpoint.MESSAGES: frozenset({ObjectKind.CONTAINER, ObjectKind.FILE}),
    Endpoint.CHAT_COMPLETIONS: frozenset({ObjectKind.AUDIO}),
}
_KINDS_OF_ANSWERS: Final = {
    Endpoint.RESPONSES: ObjectKind.RESPONSE,
    Endpoint.OPENAI_FILES: ObjectKind.FILE,
    Endpoint.ANTHROPIC_FILES: ObjectKind.FILE,
}
"""What the id of an answer names."""
# Python 3.11 finds members of enumerations slowly, so these are looked up once.
_STORED_IDS, _RESPONSE_ID = UsageFact.STORED_IDS, UsageFact.RESPONSE_ID
_NONE: Final[frozenset[ObjectKind]] = frozenset()


@record(frozen=True, slots=True)
class Answer:
    """A successful answer to a call."""

    claims: Claims
    facts: Mapping[str, object]
    """What Envoy's module read of it: keys of `UsageFact`."""
    counted: TokenUsage | None
    """What the provider counted; None if it counted nothing."""


def may_hand_out(endpoint: Endpoint, facts: Mapping[str, object]) -> bool:
    """Returns whether an answer has an id that a later call may name."""
    return _STORED_IDS in facts or (endpoint in _KINDS_OF_ANSWERS and _RESPONSE_ID in facts)


def rows_of(answer: Answer, expire_epoch_us: int) -> Iterator[Row]:
    """Returns the rows that bind what an answer handed out to the member who called, and to the key: the values of `COLUMNS`."""
    claims = answer.claims
    whole = _whole(answer)
    response = whole.object_id if whole and whole.kind is ObjectKind.RESPONSE else None
    for name in _names(answer, whole):
        yield (
            claims.provider,
            name.kind,
            name.object_id,
            claims.organization,
            claims.member,
            claims.api_key,
            response,
            claims.requested_model,
            _tokens(answer.counted, name.kind),
            expire_epoch_us,
        )


def _whole(answer: Answer) -> ObjectName | None:
    """Returns the name of what the answer as a whole is; None if it is not stored."""
    identifier = answer.facts.get(_RESPONSE_ID)
    kind = _KINDS_OF_ANSWERS.get(answer.claims.endpoint)
    return ObjectName(kind, identifier) if kind and is_object_id(identifier) else None


def _names(answer: Answer, whole: ObjectName | None) -> Iterator[ObjectName]:
    if whole is not None:
        yield whole
    listed = answer.facts.get(_STORED_IDS)
    kinds = _KINDS.get(answer.claims.endpoint, _NONE)
    for line in listed.split("\n") if isinstance(listed, str) else ():
        kind, _, identifier = line.partition(":")
        if kind in kinds and is_object_id(identifier):
            yield name_of(kind, identifier)


def _tokens(counted: TokenUsage | None, kind: ObjectKind) -> int | None:
    """Returns the most input tokens that an object adds to a later call; None if they were not counted."""
    if counted is None:
        return None
    if kind is ObjectKind.RESPONSE:
        return counted.total_input + counted.total_output
    return counted.total_output if kind is ObjectKind.ITEM else None
