"""What the mock provider served: the last calls one by one, and totals of all calls."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

JsonObject = dict[str, Any]

_MODELS_MAX = 1000
_OTHER_MODELS = "(other)"
_BODIES_KEPT = 50
_BODY_BYTES_KEPT = 64 * 1024 * 1024

COUNT_NAMES = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")


class Finished(StrEnum):
    """How a call ended."""

    COMPLETE = "complete"
    CLIENT_GONE = "client_gone"
    HUNG_UP = "hung_up"
    FAILED = "failed"


class UsageReported(StrEnum):
    """How much of the usage the caller received. PARTIAL: the stream broke off between an early report and the last."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    NONE = "none"


@dataclass(slots=True)
class CallRecord:
    """One call, filled in while it is served."""

    path: str
    received_at_ms: int
    dialect: str = "unknown"
    endpoint: str = "unknown"
    model: str = ""
    request_id: str | None = None
    streamed: bool = False
    status: int = 0
    finished: Finished = Finished.FAILED
    response_id: str = ""
    usage: JsonObject | None = None
    """The final usage as the provider would report it, whether or not the caller received it. None for a failed call."""
    usage_sent: JsonObject | None = None
    """The last usage object that was written to the caller."""
    usage_reported: UsageReported = UsageReported.NONE
    counts: JsonObject | None = None
    """Provider-neutral token counts, by COUNT_NAMES. `output` includes `reasoning`, and `input_uncached` includes tool results."""
    units: dict[str, int] = field(default_factory=dict)
    """What is billed by another unit than the token: `audio_seconds`, `characters`."""
    output_tokens_written: int = 0
    events_written: int = 0
    body_sha256: str = ""
    body_bytes: int = 0
    body_model: Any = None
    body_stream_options: Any = None
    credentials: tuple[tuple[str, str], ...] = ()
    """Pairs of where a credential arrived and its SHA-256: enough to identify the credential without storing it."""
    access_key: str | None = None
    """The id of the AWS access key that signed the call. It is no secret."""
    gateway_headers: tuple[str, ...] = ()
    """Names of headers that are internal to the gateway and must never reach a provider."""
    duration_ms: float = 0.0
    sequence: int = 0

    def note_usage_sent(self, usage: JsonObject, reported: UsageReported) -> None:
        """Records a usage object that was written. An object equal to the final usage is stored only once, to save memory."""
        self.usage_sent = self.usage if usage == self.usage else usage
        self.usage_reported = reported

    def as_json(self) -> JsonObject:
        """Returns the record as `/tally/calls` shows it."""
        return {
            "sequence": self.sequence,
            "received_at_ms": self.received_at_ms,
            "duration_ms": round(self.duration_ms, 3),
            "dialect": self.dialect,
            "endpoint": self.endpoint,
            "path": self.path,
            "model": self.model,
            "request_id": self.request_id,
            "response_id": self.response_id,
            "streamed": self.streamed,
            "status": self.status,
            "finished": self.finished,
            "usage": self.usage,
            "usage_sent": self.usage_sent,
            "usage_reported": self.usage_reported,
            "counts": self.counts,
            "units": self.units,
            "output_tokens_written": self.output_tokens_written,
            "events_written": self.events_written,
            "body": {
                "sha256": self.body_sha256,
                "bytes": self.body_bytes,
                "model": self.body_model,
                "stream_options": self.body_stream_options,
            },
            "credentials": [{"header": name, "sha256": digest} for name, digest in self.credentials],
            "access_key": self.access_key,
            "gateway_headers": list(self.gateway_headers),
        }


@dataclass(slots=True)
class Totals:
    """Sums over calls. `counts` and `units` cover only complete calls, whose usage the caller owes."""

    calls: int = 0
    streamed: int = 0
    output_tokens_written: int = 0
    finished: dict[str, int] = field(default_factory=lambda: {name.value: 0 for name in Finished})
    usage_reported: dict[str, int] = field(default_factory=lambda: {name.value: 0 for name in UsageReported})
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNT_NAMES, 0))
    units: dict[str, int] = field(default_factory=dict)

    def add(self, record: CallRecord) -> None:
        """Adds a call that has ended."""
        self.calls += 1
        self.streamed += record.streamed
        self.output_tokens_written += record.output_tokens_written
        self.finished[record.finished] += 1
        self.usage_reported[record.usage_reported] += 1
        if record.finished is Finished.COMPLETE and record.counts is not None:
            for name in COUNT_NAMES:
                self.counts[name] += record.counts[name]
            for unit, count in record.units.items():
                self.units[unit] = self.units.get(unit, 0) + count

    def as_json(self) -> JsonObject:
        """Returns the totals as `/tally` shows them."""
        return {
            "calls": self.calls,
            "streamed": self.streamed,
            "finished": self.finished,
            "usage_reported": self.usage_reported,
            "counts": self.counts,
            "units": self.units,
            "output_tokens_written": self.output_tokens_written,
        }


class Tally:
    """All calls since the start or the last reset. A call gets its sequence number when it ends; the numbers have no gaps."""

    def __init__(self, calls_kept: int) -> None:
        self._calls: deque[CallRecord] = deque(maxlen=calls_kept)
        self._bodies: deque[tuple[int, bytes]] = deque(maxlen=_BODIES_KEPT)
        self._body_bytes = 0
        self.in_flight = 0
        self.sequence = 0
        self.totals = Totals()
        self.models: dict[str, Totals] = {}

    def reset(self) -> None:
        """Forgets all finished calls and starts the numbers at 1. Open calls are recorded when they end."""
        self._calls.clear()
        self._bodies.clear()
        self._body_bytes = 0
        self.sequence = 0
        self.totals = Totals()
        self.models = {}

    def begin(self) -> None:
        """Counts a call that has arrived."""
        self.in_flight += 1

    def finish(self, record: CallRecord, body: bytes) -> None:
        """Records a call that has ended in any way."""
        self.in_flight -= 1
        self.sequence += 1
        record.sequence = self.sequence
        self._calls.append(record)
        self.totals.add(record)
        self._totals_of(record.model).add(record)
        self._keep_body(record.sequence, body)

    def calls_after(self, sequence: int, limit: int) -> list[CallRecord]:
        """Returns up to `limit` kept calls with a greater sequence number, oldest first."""
        if not self._calls:
            return []
        first = max(0, sequence + 1 - self._calls[0].sequence)
        return list(islice(self._calls, first, first + limit))

    def recent_calls(self, limit: int) -> Iterator[CallRecord]:
        """Yields up to `limit` calls, newest first."""
        return islice(reversed(self._calls), limit)

    def body_of(self, sequence: int) -> bytes | None:
        """Returns the body of one of the last calls exactly as received, or None if it is not kept."""
        return next((body for kept, body in self._bodies if kept == sequence), None)

    def as_json(self) -> JsonObject:
        """Returns the totals, overall and by model, as `/tally` shows them."""
        return {
            "in_flight": self.in_flight,
            "last_sequence": self.sequence,
            "calls_kept": len(self._calls),
            "totals": self.totals.as_json(),
            "models": {model: totals.as_json() for model, totals in sorted(self.models.items())},
        }

    def _totals_of(self, model: str) -> Totals:
        if model not in self.models and len(self.models) >= _MODELS_MAX:
            model = _OTHER_MODELS
        return self.models.setdefault(model, Totals())

    def _keep_body(self, sequence: int, body: bytes) -> None:
        if len(self._bodies) == _BODIES_KEPT:
            self._body_bytes -= len(self._bodies.popleft()[1])
        self._bodies.append((sequence, body))
        self._body_bytes += len(body)
        while self._body_bytes > _BODY_BYTES_KEPT and len(self._bodies) > 1:
            self._body_bytes -= len(self._bodies.popleft()[1])
