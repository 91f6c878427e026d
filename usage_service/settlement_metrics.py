"""What usage_service tells about itself. Most figures are counts that are kept anyway and read when they are exported."""

import time
from collections.abc import Iterable, Sequence

from gateway_core.edges.postgres.settlement_rows import RecordedSettlement
from gateway_core.edges.telemetry import semconv
from gateway_core.edges.telemetry.metrics import Labels, Metrics
from usage_service.counter_follower import CounterFollower
from usage_service.entries import Entry, SettlementCounts
from usage_service.journal_replay import JournalReplay
from usage_service.pipeline import SettlementPipeline


class SettlementMetrics:
    """Told of every commit."""

    def __init__(self, metrics: Metrics) -> None:
        self._enabled = metrics.enabled
        self._settlements = metrics.counter(semconv.SETTLEMENTS)
        self._lag = metrics.histogram(semconv.SETTLEMENT_LAG)

    def settled(self, entries: Iterable[Entry], recorded: Sequence[RecordedSettlement], origins: Sequence[str]) -> None:
        """Reports whose settlement is committed, and which of them were new to the books, with the log that brought each."""
        if not self._enabled:
            return
        now_s = time.monotonic()
        for entry in entries:
            self._lag.record(now_s - entry.arrival_s, {semconv.REPORT_ORIGIN: entry.origin})
        for record, origin in zip(recorded, origins, strict=True):
            self._count(record, origin)

    def swept(self, recorded: Sequence[RecordedSettlement]) -> None:
        """Holds that expired."""
        if self._enabled:
            for record in recorded:
                self._count(record, "sweep")

    def _count(self, record: RecordedSettlement, origin: str) -> None:
        outcome = "CORRECTED" if record.corrects is not None else record.settlement.resolution.outcome
        self._settlements.add(1, {semconv.REPORT_ORIGIN: origin, semconv.OUTCOME: outcome})


def publish(
    metrics: Metrics,
    counts: SettlementCounts,
    settlements: SettlementPipeline,
    replay: JournalReplay,
    follower: CounterFollower,
) -> None:
    """Has the figures read at every export."""
    metrics.gauge(semconv.SETTLEMENT_QUEUE, lambda: [(settlements.waiting, {})])
    metrics.gauge(semconv.REDIS_LAG, lambda: [(follower.lag_events, {})])
    # Who does not read the journal knows nothing of it.
    metrics.gauge(semconv.JOURNAL_LAG, lambda: [(replay.lag.size_bytes, {})] if replay.is_reading else [])
    metrics.gauge(semconv.JOURNAL_AGE, lambda: [(replay.lag.age_s, {})] if replay.is_reading else [])
    metrics.total(semconv.JOURNAL_RESCUED, lambda: [(counts.rescued, {})])
    metrics.total(semconv.REPORTS_REPEATED, lambda: [(counts.repeated, {})])
    metrics.total(semconv.DISCREPANCIES, lambda: [(counts.discrepancies, {})])
    metrics.total(semconv.REPORTS_DROPPED, lambda: _dropped(counts))


def _dropped(counts: SettlementCounts) -> list[tuple[float, Labels]]:
    reasons = {
        "forged": counts.forged,
        "malformed": counts.bad_lines + counts.bad_stream_entries,
        "unsettleable": counts.unsettleable,
    }
    return [(count, {semconv.DROP_REASON: reason}) for reason, count in reasons.items()]
