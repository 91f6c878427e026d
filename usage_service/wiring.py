"""Opens the resources that usage_service runs on, and the service on top of them."""

import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway_core.model.calls.holds import Hold, verify_hold_by_any
from gateway_core.runtime.settings import UsageSettings
from gateway_core.runtime.telemetry import dependencies
from gateway_core.runtime.telemetry.metrics import NO_METRICS, Metrics
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres import ledger_store
from gateway_core.stores.postgres.catalog_store import open_catalog_cache
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.migrations import until_migrated
from gateway_core.stores.postgres.notifications import Listener
from gateway_core.stores.postgres.notifications import running as listening
from gateway_core.stores.redis.connections import open_pipelined
from usage_service.alerts import follower as alert_follower
from usage_service.alerts import retention as alert_retention
from usage_service.alerts.account_refusals import AccountRefusals
from usage_service.alerts.follower import AlertFollower
from usage_service.alerts.held import follower as held_follower
from usage_service.alerts.held.follower import HeldFollower
from usage_service.alerts.notices import watching as notices
from usage_service.alerts.notices.disabled_channels import disabled_channels
from usage_service.alerts.notices.ended_exports import ended_exports
from usage_service.anomalies import watch as anomaly_watch
from usage_service.anomalies.watch import AnomalyWatch
from usage_service.counters import finished_calls, reconciler
from usage_service.counters import follower as counter_follower
from usage_service.counters.finished_calls import FinishedCalls
from usage_service.counters.follower import CounterFollower
from usage_service.counters.ledger_events import LedgerEvents
from usage_service.counters.reconciler import Reconciler
from usage_service.deployments import observations as deployment_observations
from usage_service.deployments.observations import Observations
from usage_service.journal import replay as journal_replay
from usage_service.journal.replay import JournalFiles, JournalReplay, claim_with
from usage_service.metrics import SettlementMetrics, publish, publish_alerts
from usage_service.refusals import recorder as refusal_recorder
from usage_service.refusals.recorder import RefusalRecorder
from usage_service.rollups import follower as rollup_follower
from usage_service.rollups import retention
from usage_service.rollups.follower import RollupFollower
from usage_service.rollups.retention import HoursRetention
from usage_service.routed_calls import quality_watch, rating_matches
from usage_service.routed_calls.quality_watch import QualityWatch
from usage_service.settlement import open_holds, sweeper
from usage_service.settlement.queue import pipeline
from usage_service.settlement.queue.pipeline import SettlementPipeline
from usage_service.settlement.rows import RecordedSettlement, Settlement
from usage_service.settlement.settler import Settler
from usage_service.settlement.sweeper import Sweeper
from usage_service.standings import follower as standing_follower
from usage_service.standings.follower import StandingFollower
from usage_service.stored_objects import forgetting
from usage_service.stream import UsageService

logger = logging.getLogger(__name__)

ROLE: Final = "megarouter_usage"
CONCURRENT_BATCHES: Final = 2
"""While PostgreSQL commits one batch, the next one is decided."""


@asynccontextmanager
async def open_service(
    settings: UsageSettings, tracing: Tracing, metrics: Metrics = NO_METRICS
) -> AsyncIterator[UsageService]:
    """Opens what the service needs. On exit, settles everything accepted and stores the journal position."""
    async with AsyncExitStack() as stack:
        await until_migrated(settings)
        pool = await stack.enter_async_context(open_pool(settings, ROLE, by_index=True))
        redis = await stack.enter_async_context(open_pipelined(settings.redis_url.get_secret_value()))
        catalog = await stack.enter_async_context(open_catalog_cache(pool, settings, ROLE))
        finished = FinishedCalls(redis)
        await stack.enter_async_context(finished_calls.running(finished))
        observations = await stack.enter_async_context(deployment_observations.running(redis, catalog))
        follower = CounterFollower(redis, LedgerEvents(pool), finished.note_waits)
        await stack.enter_async_context(counter_follower.running(follower, settings.shutdown_grace_ms))
        ledger_listener = Listener(
            settings, ROLE, [ledger_store.CHANNEL], lambda _channel, payload: follower.ledger_changed(payload)
        )
        await stack.enter_async_context(listening(ledger_listener))
        following = await stack.enter_async_context(_following(pool, settings, metrics))

        def committed(recorded: Sequence[RecordedSettlement]) -> None:
            follower.committed(recorded)
            following.committed(recorded)

        refusals = await stack.enter_async_context(_recording_refusals(pool, settings))
        measures = SettlementMetrics(metrics)
        settler = Settler(
            pool, catalog, settings.signing_keys, tracing, committed, measures, settings.stored_object_life_ms
        )
        settlements = SettlementPipeline(
            settler.settle,
            queue_entries=settings.settle_queue_entries,
            batch_entries=settings.settle_batch_entries,
            interval_ms=settings.settle_interval_ms,
        )
        await stack.enter_async_context(pipeline.running(settlements, CONCURRENT_BATCHES, settings.shutdown_grace_ms))
        replay = JournalReplay(
            JournalFiles.of(settings),
            claim_with(settings, ROLE, settings.journal_file),
            settlements.submit,
            settler.recent,
            settler.counts,
        )
        await stack.enter_async_context(journal_replay.running(replay, settings.shutdown_grace_ms))

        def expired(recorded: Sequence[RecordedSettlement]) -> None:
            committed(recorded)
            measures.swept(recorded)

        expiry = Sweeper(
            pool,
            settler.prices,
            settings.signing_keys,
            expired,
            settler.counts,
            batch_entries=settings.sweep_batch_entries,
            interval_ms=settings.sweep_interval_ms,
        )
        await stack.enter_async_context(sweeper.running(expiry, replay.caught_up))
        await stack.enter_async_context(forgetting.running(pool))
        await stack.enter_async_context(reconciler.running(Reconciler(redis, pool, settings.reconcile_interval_ms)))
        publish(metrics, settler.counts, settlements, replay, follower, following.rollups, refusals.counts)
        await stack.enter_async_context(open_holds.counted(pool, metrics))
        await stack.enter_async_context(
            dependencies.reported(
                metrics, {"postgres": lambda: pool.fetchval(dependencies.CLOCK), "redis": redis.clock}
            )
        )
        noted = _to(finished, observations)
        yield UsageService(settlements, catalog, settler.counts, settler.decide_now, noted, refusals.take)


def _to(finished: FinishedCalls, observations: Observations) -> Callable[[Sequence[Settlement]], None]:
    """Returns what receives calls that are decided but not committed yet."""

    def on_finished(settlements: Sequence[Settlement]) -> None:
        finished.add(settlements)
        observations.add(settlements)

    return on_finished


@dataclass(frozen=True, slots=True)
class _Following:
    """What wants to know of committed settlements."""

    rollups: RollupFollower
    account_refusals: AccountRefusals
    alerts: AlertFollower

    def committed(self, recorded: Sequence[RecordedSettlement]) -> None:
        organizations = [one.settlement.hold.claims.organization for one in recorded]
        self.rollups.committed(organizations)
        self.alerts.committed(organizations)
        self.account_refusals.note(recorded)


@asynccontextmanager
async def _following(pool: asyncpg.Pool, settings: UsageSettings, metrics: Metrics) -> AsyncIterator[_Following]:
    """Keeps rollups, the anomalies that are found in them, standings, alerts, ratings and the quality of routing in step with the
    ledger."""
    account_refusals = AccountRefusals()
    following = _Following(RollupFollower(pool), account_refusals, AlertFollower(pool, account_refusals))
    publish_alerts(metrics, following.alerts)
    async with (
        rollup_follower.running(following.rollups),
        anomaly_watch.running(AnomalyWatch(pool)),
        retention.running(HoursRetention(pool, settings.hours_retention_months)),
        standing_follower.running(StandingFollower(pool)),
        alert_follower.running(following.alerts),
        held_follower.running(HeldFollower(pool)),
        alert_retention.running(pool, settings.alert_retention_days),
        notices.running(disabled_channels(pool), ended_exports(pool)),
        rating_matches.running(pool),
        quality_watch.running(QualityWatch(pool)),
    ):
        yield following


@asynccontextmanager
async def _recording_refusals(pool: asyncpg.Pool, settings: UsageSettings) -> AsyncIterator[RefusalRecorder]:
    def verify(token: str) -> Hold:
        return verify_hold_by_any(token, settings.signing_keys)

    recorder = RefusalRecorder(pool, verify, lambda: dt.datetime.now(dt.UTC))
    async with refusal_recorder.running(recorder):
        yield recorder
