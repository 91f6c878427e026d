"""Reads a whole report: what was counted, what was used, how it was served, and how much text was delivered.

Nothing in a report makes a call cheaper than the report says: of contradicting counts the largest consistent reading is
taken, and it is flagged.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from gateway_core.contract.usage_facts import UsageFact
from gateway_core.model.catalog.service import STANDARD, Service
from gateway_core.model.catalog.token_usage import with_count
from gateway_core.model.endpoints import Dialect, Endpoint
from gateway_core.model.record_decorator import record
from gateway_core.stores.postgres.storable_text import storable_text
from usage_service.provider_reports.anthropic import read_anthropic
from usage_service.provider_reports.counts import Counts, counts_in
from usage_service.provider_reports.durations import SECONDS, seconds_of
from usage_service.provider_reports.gemini import read_gemini
from usage_service.provider_reports.openai import read_openai
from usage_service.provider_reports.other_forms import in_camel_case, in_snake_case, with_other
from usage_service.provider_reports.reading import NOTHING_REPORTED, Flag, Notes, Reading
from usage_service.provider_reports.uses import uses_of

_BYTES_PER_TOKEN: Final = 4
_MAX_BYTES_PER_DELTA: Final = 8
"""Providers that send a token at a time send at most this much text on average."""
_MAX_TEXT_LENGTH: Final = 64

# Python 3.11 finds members of enumerations slowly, so each is looked up once.
_USAGE, _START_USAGE, _RESPONSE_USAGE, _USAGE_METADATA, _OTHER_USAGE = (
    UsageFact.USAGE,
    UsageFact.START_USAGE,
    UsageFact.RESPONSE_USAGE,
    UsageFact.USAGE_METADATA,
    UsageFact.OTHER_USAGE,
)
_SERVICE_TIER, _TEXT_AFTER_USAGE = UsageFact.SERVICE_TIER, UsageFact.TEXT_AFTER_USAGE
_DELIVERED_BYTES, _DELTAS = UsageFact.DELIVERED_BYTES, UsageFact.DELTAS
_MESSAGES, _RESPONSES, _SPEECH, _GEMINI = Endpoint.MESSAGES, Endpoint.RESPONSES, Endpoint.SPEECH, Dialect.GEMINI


@record(frozen=True, slots=True)
class Report:
    """What the facts about an answer say."""

    reading: Reading
    service: Service
    delivered_tokens: int | None
    """An estimate from the text that was delivered; None if the text was not counted."""
    audio_seconds: int | None = None
    """The length of the recording that was heard; None if the report does not state it."""


def read_report(endpoint: Endpoint, facts: Mapping[str, object]) -> Report:
    """Reads the facts that Envoy's module extracted from an answer.

    Args:
        endpoint: the operation that was called.
        facts: by `UsageFact`. Usage is an object, its JSON text, or its leaves under dotted paths.
    """
    notes = Notes()
    usage, start = _usage_objects(endpoint, facts, notes)
    reading = _read(endpoint, usage, start, notes) or _read_by_other_names(endpoint, usage, start, notes)
    delivered = delivered_tokens(facts)
    if _TEXT_AFTER_USAGE in facts and reading.output_counted:
        reading = replace(reading, output_counted=False)
    if delivered and not reading.usage.total_output:
        reading = _without_zeros(reading)
    if reading.input_counted and not reading.usage.total_input:
        reading = _without_empty_input(endpoint, reading, delivered)
    seconds = seconds_of(facts, usage, notes) if endpoint.is_audio else None
    if uses := uses_of(facts, usage, start, notes):
        reading = replace(reading, usage=replace(reading.usage, uses=uses))
    if flags := notes.flags():
        reading = replace(reading, flags=flags)
    return Report(reading, _service(facts, usage, start), delivered, seconds)


def delivered_tokens(facts: Mapping[str, object]) -> int | None:
    """Estimates the tokens of the text that was delivered; None if the answer was not read.

    Facts about an answer leave out its text if there was none.
    """
    if not facts:
        return None
    size, deltas = facts.get(_DELIVERED_BYTES, 0), facts.get(_DELTAS)
    if type(size) is not int or size < 0:
        return None
    if type(deltas) is int and deltas > 0 and size <= _MAX_BYTES_PER_DELTA * deltas:
        return deltas
    return -(-size // _BYTES_PER_TOKEN)


def _usage_objects(
    endpoint: Endpoint, facts: Mapping[str, object], notes: Notes
) -> tuple[Counts | None, Counts | None]:
    """Returns the usage, and the usage at the start of an Anthropic stream."""
    usage = start = None
    if endpoint.dialect is _GEMINI:
        usage = counts_in(facts, notes, _USAGE_METADATA, "usageMetadata")
    elif endpoint is _RESPONSES:
        usage = counts_in(facts, notes, _RESPONSE_USAGE)
    if usage is None:
        usage = counts_in(facts, notes, _USAGE)
    if endpoint is _MESSAGES:
        start = counts_in(facts, notes, _START_USAGE)
    if _OTHER_USAGE in facts:
        usage = with_other(usage, counts_in(facts, notes, _OTHER_USAGE))
    return usage, start


def _read(endpoint: Endpoint, usage: Counts | None, start: Counts | None, notes: Notes) -> Reading | None:
    if endpoint is _MESSAGES:
        return read_anthropic(start, usage, notes)
    if usage is None:
        return None
    if endpoint.dialect is _GEMINI:
        return read_gemini(usage)
    reading = read_openai(usage, has_output=endpoint.has_output_tokens)
    if reading is None or endpoint.writes_text:
        return reading
    if endpoint.makes_images:
        return _as(reading, "output_image")
    return _as(reading, "output_audio") if endpoint is _SPEECH else reading


def _as(reading: Reading, category: str) -> Reading:
    """Returns the reading in which output that the report does not name is of a category, which some models do not say."""
    usage = reading.usage
    if not usage.output or getattr(usage, category):
        return reading
    return replace(reading, usage=with_count(replace(usage, output=0), category, usage.output))


def _read_by_other_names(endpoint: Endpoint, usage: Counts | None, start: Counts | None, notes: Notes) -> Reading:
    """Reads a report whose names are written in the other case. One that cannot be read at all is noted."""
    if usage is None:
        return NOTHING_REPORTED
    if endpoint.dialect is _GEMINI:
        # Servers that translate from another API keep its names.
        reading = read_gemini(in_camel_case(usage)) or read_openai(usage, has_output=True)
    else:
        reading = _read(endpoint, in_snake_case(usage), start, notes)
    is_duration = endpoint.is_audio and SECONDS in usage.values
    if (
        reading is None
        and not is_duration
        and any(type(value) in {int, float} and value for value in usage.values.values())
    ):
        notes.add(Flag.UNREADABLE_REPORT)
    return reading or NOTHING_REPORTED


def _without_empty_input(endpoint: Endpoint, reading: Reading, delivered: int | None) -> Reading:
    """Returns the reading of an answer to something: a count of zero input tokens is then no count."""
    if delivered or reading.usage.total_output or not endpoint.has_output_tokens:
        return replace(reading, input_counted=False)
    return reading


def _without_zeros(reading: Reading) -> Reading:
    """Returns the reading of an answer that contained text: a count of zero output tokens is then no count."""
    if not reading.output_counted:
        return reading
    if reading.usage.total_input:
        return replace(reading, output_counted=False)
    return NOTHING_REPORTED


def _service(facts: Mapping[str, object], usage: Counts | None, start: Counts | None) -> Service:
    """Returns how the call was served. The end of a stream overrides its start."""
    tier = _text(facts.get(_SERVICE_TIER))
    speed = place = None
    for counts in (usage, start):
        if counts is None or _SERVED.isdisjoint(counts.values):
            continue
        values = counts.values
        tier = tier or _text(values.get("service_tier")) or _text(values.get("serviceTier"))
        speed = speed or _text(values.get("speed"))
        place = place or _text(values.get("inference_geo"))
    if tier is None and speed is None and place is None:
        return STANDARD
    return Service(tier, speed, place)


_SERVED: Final = frozenset({"service_tier", "serviceTier", "speed", "inference_geo"})
"""The names in a usage object that say how the call was served."""


def _text(value: object) -> str | None:
    return storable_text(value, _MAX_TEXT_LENGTH) or None if isinstance(value, str) else None
