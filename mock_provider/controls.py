"""The `x-mock-*` request headers, by which a caller controls the mock provider."""

from collections.abc import Iterable
from dataclasses import dataclass

_TOKENS_MAX = 10**12
_DELAY_MS_MAX = 600_000


class ControlError(ValueError):
    """A control header is unknown or has an invalid value. The text names the header."""


@dataclass(frozen=True, slots=True)
class Controls:
    """What one call asks for. None or 0 leaves the decision to the request itself."""

    input_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    tool_use_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    fail: int | None = None
    error_body: int | None = None
    stall_ms: int = 0
    pace_ms: int = 0
    chunks: int | None = None
    message_deltas: int = 1
    omit_usage: int = 0
    hang_up_after: int | None = None
    event_bytes: int = 0
    split_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ControlHeader:
    """One control header: the field of `Controls` that it sets, and the inclusive range of its value."""

    name: str
    field: str
    minimum: int
    maximum: int
    meaning: str


HEADERS: tuple[ControlHeader, ...] = (
    ControlHeader(
        "x-mock-input-tokens",
        "input_tokens",
        0,
        _TOKENS_MAX,
        "input tokens, cache reads and writes included, tool use excluded",
    ),
    ControlHeader(
        "x-mock-cached-tokens", "cached_tokens", 0, _TOKENS_MAX, "how many of the input tokens were read from the cache"
    ),
    ControlHeader(
        "x-mock-cache-write-tokens",
        "cache_write_tokens",
        0,
        _TOKENS_MAX,
        "how many of the input tokens were written to the cache (Anthropic: for 5 minutes)",
    ),
    ControlHeader(
        "x-mock-cache-write-1h-tokens",
        "cache_write_1h_tokens",
        0,
        _TOKENS_MAX,
        "how many of the input tokens were written to the cache for one hour (Anthropic)",
    ),
    ControlHeader(
        "x-mock-tool-use-tokens",
        "tool_use_tokens",
        0,
        _TOKENS_MAX,
        "tokens of tool results, on top of the input tokens (Gemini)",
    ),
    ControlHeader(
        "x-mock-output-tokens",
        "output_tokens",
        0,
        _TOKENS_MAX,
        "output tokens of all choices, reasoning included; may exceed the caller's limit",
    ),
    ControlHeader(
        "x-mock-reasoning-tokens",
        "reasoning_tokens",
        0,
        _TOKENS_MAX,
        "how many of the output tokens were spent on reasoning",
    ),
    ControlHeader(
        "x-mock-fail",
        "fail",
        200,
        599,
        "answer with this status and a JSON error in the provider's own shape (200 is allowed)",
    ),
    ControlHeader(
        "x-mock-error-body",
        "error_body",
        200,
        599,
        "like x-mock-fail, but with 200 a stream begins and ends with the provider's error event",
    ),
    ControlHeader("x-mock-stall-ms", "stall_ms", 0, _DELAY_MS_MAX, "wait before answering"),
    ControlHeader("x-mock-pace-ms", "pace_ms", 0, _DELAY_MS_MAX, "wait between the events of a stream"),
    ControlHeader("x-mock-chunks", "chunks", 1, 100_000, "number of text events per choice in a stream"),
    ControlHeader(
        "x-mock-message-deltas",
        "message_deltas",
        1,
        100,
        "number of message_delta events, each with cumulative usage (Anthropic)",
    ),
    ControlHeader("x-mock-omit-usage", "omit_usage", 0, 1, "1: report no usage anywhere"),
    ControlHeader(
        "x-mock-hang-up-after",
        "hang_up_after",
        0,
        1_000_000,
        "close the connection after this many events of a stream, or in the middle of a JSON answer",
    ),
    ControlHeader(
        "x-mock-event-bytes",
        "event_bytes",
        0,
        64 * 1024 * 1024,
        "pad the event that carries the final usage (or the JSON answer) to at least this size",
    ),
    ControlHeader(
        "x-mock-split-bytes",
        "split_bytes",
        0,
        1_000_000,
        "write a stream in pieces of this many bytes, across event boundaries",
    ),
)

_BY_NAME = {header.name: header for header in HEADERS}
_PREFIX = "x-mock-"
_DEFAULTS = Controls()


def read_controls(headers: Iterable[tuple[str, str]]) -> Controls:
    """Reads the control headers among `headers` (names in any case).

    Raises ControlError for an unknown control, a repeated one, and a value outside its range, so that a typo in a test does not
    silently use the default.
    """
    values: dict[str, int] = {}
    for name, value in headers:
        if name[:7].lower() != _PREFIX:
            continue
        header = _BY_NAME.get(name.lower())
        if header is None:
            raise ControlError(f"unknown control header {name.lower()}")
        if header.field in values:
            raise ControlError(f"{header.name} is given twice; send it once")
        values[header.field] = _read_value(header, value)
    return Controls(**values) if values else _DEFAULTS


def _read_value(header: ControlHeader, text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise ControlError(f"{header.name} must be a whole number")
    value = int(text)
    if not header.minimum <= value <= header.maximum:
        raise ControlError(f"{header.name} must be from {header.minimum} to {header.maximum}")
    return value
