"""Reads single values of a call, and refuses those that are wrong."""

from collections.abc import Mapping
from typing import Final

from authz_service.request.call import Call
from gateway_core.contract.headers import TAGS
from gateway_core.contract.request_facts import CANDIDATE_COUNT, GENERATION_MAX_OUTPUT_TOKENS, INCLUDE_USAGE
from gateway_core.model.call_tags import Tags, TagsError, read_tags
from gateway_core.model.calls.refusals import Refusal, refuse_parameter

MAX_CHOICES: Final = 128
"""The most answers that a call may ask for."""

# How callers spell these parameters, for messages.
_WRITTEN: Final[Mapping[str, str]] = {
    GENERATION_MAX_OUTPUT_TOKENS: "generationConfig.maxOutputTokens",
    CANDIDATE_COUNT: "generationConfig.candidateCount",
    INCLUDE_USAGE: "stream_options.include_usage",
}


class RefusedError(Exception):
    """The body has a fault, for which the call is refused."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def boolean(facts: Mapping[str, object], name: str) -> bool:
    """Returns a value that is true or false; false if it is absent."""
    if name not in facts:
        return False
    value = facts[name]
    if not isinstance(value, bool):
        raise invalid(name, "it must be true or false")
    return value


def integer(name: str, value: object, minimum: int, maximum: int) -> int:
    """Converts a number to an integer. Envoy passes every JSON number as a double."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or value != value // 1
        or not minimum <= value <= maximum
    ):
        raise invalid(name, f"it must be a whole number from {minimum} to {maximum}")
    return int(value)


def invalid(name: str, what: str) -> RefusedError:
    """Returns the refusal of a parameter, to be raised."""
    return RefusedError(refuse_parameter(_WRITTEN.get(name, name), what))


def tags_of(call: Call) -> Tags | Refusal:
    """Returns the tags of a call, or the refusal of what are none."""
    lines = [value for name, value in call.headers if name == TAGS]
    if not lines:
        return ()
    try:
        return read_tags(lines)
    except TagsError as error:
        return refuse_parameter(TAGS, str(error))
