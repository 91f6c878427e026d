"""Usage in OpenAI's form and that of its many compatible servers.

OpenAI counts cached tokens inside the input and reasoning inside the output. xAI and Google count reasoning beside the
output, and only their total shows it. DeepSeek splits the input into cache hits and misses, and Moonshot names cached
tokens at the top level; both are inside the input.
"""

from collections.abc import Mapping
from typing import Final

from gateway_core.model.catalog.token_usage import TokenUsage
from usage_service.provider_reports.counts import MAX_COUNT, Counts, rest_of
from usage_service.provider_reports.reading import Flag, Reading

_INPUT: Final = ("prompt_tokens", "input_tokens")
_OUTPUT: Final = ("completion_tokens", "output_tokens")
_TOTAL: Final = "total_tokens"
_HITS: Final = "prompt_cache_hit_tokens"
_MISSES: Final = "prompt_cache_miss_tokens"
_INPUT_DETAILS: Final = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_OUTPUT_DETAILS: Final = ("completion_tokens_details", "output_tokens_details", "output_token_details")


def read_openai(usage: Counts, *, has_output: bool) -> Reading | None:
    """Reads a usage object; returns None if it counts nothing.

    Args:
        usage: the object.
        has_output: False for embeddings and rankings, whose answers contain no tokens.
    """
    return _read_plain(usage.values) or read_any(usage, has_output=has_output)


_PLAIN_NAMES: Final = tuple(
    (f"{side_in}_tokens", f"{side_out}_tokens", f"{side_in}_tokens_details", f"{side_out}_tokens_details")
    for side_in, side_out in (("prompt", "completion"), ("input", "output"))
)
"""Chat and responses."""
_ALL_PLAIN_NAMES: Final = tuple(frozenset((*names, _TOTAL)) for names in _PLAIN_NAMES)


def _read_plain(values: Mapping[str, object]) -> Reading | None:
    """Reads the form of most reports in a third of the time: totals that agree, with no details but cache and reasoning.

    Returns None for every other form. `read_any` reads this form alike.
    """
    chat = 0 if "prompt_tokens" in values else 1
    name_in, name_out, details_in, details_out = _PLAIN_NAMES[chat]
    total_input, total_output, total = values.get(name_in), values.get(name_out), values.get(_TOTAL)
    if not (type(total_input) is type(total_output) is type(total) is int):
        return None
    if not (0 < total_input <= MAX_COUNT and 0 <= total_output <= MAX_COUNT and total == total_input + total_output):
        return None
    cached, reasoning = (
        _only(values.get(details_in), "cached_tokens"),
        _only(values.get(details_out), "reasoning_tokens"),
    )
    if not (
        0 <= cached <= total_input and 0 <= reasoning <= total_output and _ALL_PLAIN_NAMES[chat].issuperset(values)
    ):
        return None
    usage = TokenUsage(
        input=total_input - cached,
        cache_read=cached,
        output=total_output - reasoning,
        output_reasoning=reasoning,
    )
    return Reading(usage, input_counted=True, output_counted=True)


_NOT_PLAIN: Final = -1


def _only(details: object, name: str) -> int:
    """Returns the count under a name if every other count is zero, and 0 without details; otherwise `_NOT_PLAIN`."""
    if details is None:
        return 0
    if type(details) is not dict:
        return _NOT_PLAIN
    only = 0
    for key, count in details.items():
        if type(count) is not int:
            return _NOT_PLAIN
        if key == name:
            only = count
        elif count:
            return _NOT_PLAIN
    return only


def read_any(usage: Counts, *, has_output: bool) -> Reading | None:
    """Reads a usage object of any form, as `read_openai` does."""
    details = usage.inside(*_OUTPUT_DETAILS)
    sides = _sides(usage, details.of("reasoning_tokens"), has_output=has_output)
    if sides is None:
        return None
    total_input, total_output, reasoning = sides
    if total_input is None and total_output is None:
        return Reading(total=usage.get(_TOTAL))
    audio = image = 0
    if details.values:
        audio, image = details.of("audio_tokens"), details.of("image_tokens")
    uncached, cached, (written, written_long), input_audio, input_image, cached_audio = _input(usage, total_input or 0)
    return Reading(
        usage=TokenUsage(
            input=uncached,
            cache_read=cached,
            cache_write_5m=written,
            cache_write_1h=written_long,
            input_audio=input_audio,
            input_image=input_image,
            cache_read_audio=cached_audio,
            output=rest_of(total_output or 0, reasoning + audio + image, usage.notes),
            output_reasoning=reasoning,
            output_audio=audio,
            output_image=image,
        ),
        input_counted=total_input is not None,
        output_counted=total_output is not None,
    )


def _sides(usage: Counts, reasoning: int, *, has_output: bool) -> tuple[int | None, int | None, int] | None:
    """Returns all input, all output, and the reasoning within it, as the largest reading of the totals.

    `reasoning` is what the report names as such.
    """
    total_input, total_output, total = usage.first(*_INPUT), usage.first(*_OUTPUT), usage.get(_TOTAL)
    if _HITS in usage.values or _MISSES in usage.values:
        total_input = _at_least_split(usage, total_input)
    if not has_output:
        total_output = total_output or 0
    if total_input is None and total_output is None:
        return None if total is None else (None, None, 0)
    if total is None:
        return total_input, total_output, reasoning
    extra = total - (total_input or 0) - (total_output or 0)
    if extra < 0:
        usage.notes.add(Flag.CONTRADICTORY_COUNTS)
    elif total_input is None:
        total_input = extra
    elif total_output is None:
        total_output = extra
    elif extra and (not has_output or not total_input):
        # An embedding or a ranking has no other tokens, and no call has an empty input.
        usage.notes.add(Flag.CONTRADICTORY_COUNTS)
        total_input += extra
    elif extra == reasoning:
        total_output += extra
    elif extra:
        usage.notes.add(Flag.UNNAMED_OUTPUT)
        inside = reasoning <= total_output
        total_output = max(total_output + extra, 0 if inside else total_output + reasoning)
        reasoning += extra if inside else 0
    return total_input, total_output, reasoning


def _at_least_split(usage: Counts, total_input: int | None) -> int | None:
    """Returns the input, which is at least the sum of cache hits and misses."""
    split = usage.of(_HITS) + usage.of(_MISSES)
    if split <= (total_input or 0):
        return total_input
    if total_input:
        usage.notes.add(Flag.CONTRADICTORY_COUNTS)
    return split


def _input(usage: Counts, total: int) -> tuple[int, int, tuple[int, int], int, int, int]:
    """Splits the input: uncached text, cached, written to the cache (for short, for long), audio, images, cached audio."""
    details = usage.inside(*_INPUT_DETAILS)
    cached = usage.of("cached_tokens", _HITS)
    if not details.values:
        return rest_of(total, cached, usage.notes), cached, (0, 0), 0, 0, 0
    cached = max(details.of("cached_tokens"), cached)
    written, written_long = _written(details)
    audio, image = details.of("audio_tokens"), details.of("image_tokens")
    cached_audio = 0
    if audio and cached:
        named = details.inside("cached_tokens_details").first("audio_tokens")
        # If the parts overlap, the same tokens are both audio and cached.
        overlap = max(cached + written + audio + image - total, 0) if named is None else named
        cached_audio = min(overlap, cached, audio)
    parts = cached + written + audio + image - cached_audio
    uncached = rest_of(total, parts, usage.notes)
    writes = (written - written_long, written_long)
    return uncached, cached - cached_audio, writes, audio - cached_audio, image, cached_audio


def _written(details: Counts) -> tuple[int, int]:
    """Returns all cache writes, and those for 12 hours.

    OpenAI's API reference splits all of them by lifetime. A rest that has none counts as the dearer one.
    """
    written, lifetimes = details.of("cache_write_tokens"), details.inside("cache_write_tokens_details")
    if not lifetimes.values:
        return written, 0
    written_short, written_long = lifetimes.of("ttl_30m_tokens"), lifetimes.of("ttl_12h_tokens")
    rest = written - written_short - written_long
    if rest:
        details.notes.add(Flag.CONTRADICTORY_COUNTS)
    return max(written, written_short + written_long), written_long + max(rest, 0)
