"""The metrics of usage_service. Most are counts that exist anyway and are read at each export."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from gateway_core.model.calls.holds import HoldState
from gateway_core.model.money import NANO_CREDITS_PER_CREDIT
from gateway_core.runtime.telemetry import semconv
from gateway_core.runtime.telemetry.metrics import Labels, Metrics
from usage_service.alerts.follower import AlertFollower
from usage_service.counters.follower import CounterFollower
from usage_service.journal.replay import JournalReplay
from usage_service.provider_refusals import ProviderRefusals
from usage_service.refusals.counts import RefusalCounts
from usage_service.rollups.follower import RollupFollower
from usage_service.settlement.entries import Entry, SettlementCounts
from usage_service.settlement.queue.pipeline import SettlementPipeline
from usage_service.settlement.rows import RecordedSettlement

_CALL_LABELS: Final = (semconv.REPORT_ORIGIN, semconv.OUTCOME, semconv.USAGE_SOURCE)
_ATTEMPT_LABELS: Final = (semconv.DEPLOYMENT, semconv.ATTEMPT_OUTCOME)
_FINDING_LABELS: Final = (semconv.FINDING_KIND, semconv.GEN_AI_PROVIDER_NAME)
_REFUSAL_LABELS: Final = (semconv.GEN_AI_PROVIDER_NAME, semconv.REFUSAL_REASON)
_TOKEN_LABELS: Final = (semconv.GEN_AI_REQUEST_MODEL, semconv.GEN_AI_TOKEN_TYPE)


class SettlementMetrics:
    """Counts every commit. The counts are read at each export, so a call costs no instrument's bookkeeping."""

    def __init__(self, metrics: Metrics) -> None:
        self._enabled = metrics.enabled
        self._lag = metrics.histogram(semconv.SETTLEMENT_LAG)
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._tokens: Counter[tuple[str, str]] = Counter()
        self._findings: Counter[tuple[str, str]] = Counter()
        self._failed_attempts: Counter[tuple[str, str]] = Counter()
        self._charges_nano_credits: Counter[str] = Counter()
        self._unconfirmed_nano_credits = 0
        self._refusals = ProviderRefusals()
        metrics.total(semconv.PROVIDER_REFUSALS, lambda: _labelled(self._read_refusals(), _REFUSAL_LABELS))
        metrics.total(semconv.SETTLEMENTS, lambda: _labelled(self._calls, _CALL_LABELS))
        metrics.total(semconv.SETTLED_TOKENS, lambda: _labelled(self._tokens, _TOKEN_LABELS))
        metrics.total(semconv.USAGE_FINDINGS, lambda: _labelled(self._findings, _FINDING_LABELS))
        metrics.total(semconv.FAILED_ATTEMPTS, lambda: _labelled(self._failed_attempts, _ATTEMPT_LABELS))
        metrics.total(semconv.SETTLED_CHARGE, self._read_charges)
        metrics.total(
            semconv.UNCONFIRMED_CHARGE, lambda: [(self._unconfirmed_nano_credits / NANO_CREDITS_PER_CREDIT, {})]
        )

    def settled(self, entries: Iterable[Entry], recorded: Sequence[RecordedSettlement], origins: Sequence[str]) -> None:
        """Counts the reports of a committed batch.

        Args:
            entries: all reports of the batch.
            recorded: the settlements that were new.
            origins: the log that delivered each of `recorded`.
        """
        self._refusals.note(recorded)
        if not self._enabled:
            return
        now_s = time.monotonic()
        # Only the call of each log that waited longest: recording every call costs as much as deciding it.
        for origin, arrival_s in first_arrivals(entries).items():
            self._lag.record(now_s - arrival_s, {semconv.REPORT_ORIGIN: origin})
        for record, origin in zip(recorded, origins, strict=True):
            self._count(record, origin)

    def swept(self, recorded: Sequence[RecordedSettlement]) -> None:
        """Counts holds that expired."""
        if self._enabled:
            for record in recorded:
                self._count(record, "sweep")

    def _count(self, record: RecordedSettlement, origin: str) -> None:
        resolution, model = record.settlement.resolution, record.settlement.hold.claims.requested_model
        outcome = "CORRECTED" if record.corrects is not None else resolution.outcome
        self._calls[origin, outcome, resolution.source] += 1
        self._charges_nano_credits[model] += max(0, record.delta_nano_credits)
        for attempt in record.settlement.failed_attempts if record.corrects is None else ():
            self._failed_attempts[attempt.place, attempt.happened] += 1
        if resolution.finding is not None:
            for kind in resolution.finding.kinds:
                self._findings[kind, semconv.provider_name(record.settlement.hold.claims.provider)] += 1
        if resolution.outcome is HoldState.EXPIRED:
            self._unconfirmed_nano_credits += resolution.charge_nano_credits
            return
        self._tokens[model, "input"] += resolution.usage.total_input
        self._tokens[model, "output"] += resolution.usage.total_output

    def _read_refusals(self) -> Counter[tuple[str, str]]:
        counts = self._refusals.counts.copy().items()  # the exporter's thread reads while calls are counted
        return Counter({(semconv.provider_name(provider), str(reason)): count for (provider, reason), count in counts})

    def _read_charges(self) -> list[tuple[float, Labels]]:
        charges = self._charges_nano_credits.copy()
        return [
            (amount / NANO_CREDITS_PER_CREDIT, {semconv.GEN_AI_REQUEST_MODEL: model})
            for model, amount in charges.items()
        ]


def first_arrivals(entries: Iterable[Entry]) -> dict[str, float]:
    """Returns when the call of each log arrived that waited longest. Entries are in order within an organization only."""
    arrivals: dict[str, float] = {}
    for entry in entries:
        arrivals[entry.origin] = min(entry.arrival_s, arrivals.get(entry.origin, entry.arrival_s))
    return arrivals


def _labelled(counts: Counter[Any], names: Sequence[str]) -> list[tuple[float, Labels]]:
    # Copy first: the exporter's thread reads while calls are counted.
    return [(count, dict(zip(names, values, strict=True))) for values, count in counts.copy().items()]


def publish(
    metrics: Metrics,
    counts: SettlementCounts,
    settlements: SettlementPipeline,
    replay: JournalReplay,
    follower: CounterFollower,
    rollups: RollupFollower,
    refusals: RefusalCounts,
) -> None:
    """Registers the figures to be read at every export."""
    metrics.total(
        semconv.REFUSED_CALLS,
        lambda: [(count, {semconv.DECISION_REASON: reason}) for reason, count in refusals.by_reason.copy().items()],
    )
    metrics.gauge(semconv.SETTLEMENT_QUEUE, lambda: [(settlements.waiting, {})])
    metrics.gauge(semconv.REDIS_LAG, lambda: [(follower.lag_events, {})])
    metrics.gauge(semconv.ROLLUP_LAG, lambda: [(rollups.lag_events, {})])
    metrics.gauge(semconv.ROLLUP_AGE, lambda: [(rollups.age_s, {})])
    # A process that does not read the journal does not know its lag.
    metrics.gauge(semconv.JOURNAL_LAG, lambda: [(replay.lag.size_bytes, {})] if replay.is_reading else [])
    metrics.gauge(semconv.JOURNAL_AGE, lambda: [(replay.lag.age_s, {})] if replay.is_reading else [])
    metrics.gauge(semconv.JOURNAL_DISK_FREE, lambda: [(free, {}) for free in _free_bytes(replay)])
    metrics.total(semconv.JOURNAL_RESCUED, lambda: [(counts.rescued, {})])
    metrics.total(semconv.REPORTS_REPEATED, lambda: [(counts.repeated, {})])
    metrics.total(semconv.DISCREPANCIES, lambda: [(counts.discrepancies, {})])
    metrics.total(semconv.REPORTS_DROPPED, lambda: _dropped(counts))


def publish_alerts(metrics: Metrics, alerts: AlertFollower) -> None:
    """Registers how often each source of alerts has failed."""
    metrics.total(
        semconv.ALERT_SOURCE_FAILURES,
        lambda: [(count, {semconv.ALERT_SOURCE: source}) for source, count in alerts.failures.copy().items()],
    )


def _free_bytes(replay: JournalReplay) -> list[int]:
    """Returns the free bytes on the journal's disk; nothing if its directory cannot be used, which the log says."""
    try:
        return [replay.free_bytes()]
    except OSError:
        return []


def _dropped(counts: SettlementCounts) -> list[tuple[float, Labels]]:
    reasons = {
        "forged": counts.forged,
        "malformed": counts.bad_lines + counts.bad_stream_entries,
        "unsettleable": counts.unsettleable,
    }
    return [(count, {semconv.DROP_REASON: reason}) for reason, count in reasons.items()]
