"""The gRPC service of usage_service, and the resources that it runs on."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import grpc
from envoy.service.accesslog.v3 import als_pb2, als_pb2_grpc

from gateway_core.runtime.settings import UsageSettings
from gateway_core.runtime.telemetry import dependencies
from gateway_core.runtime.telemetry.metrics import NO_METRICS, Metrics
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.runtime.unary import UnaryMethod
from gateway_core.stores.postgres import ledger_store
from gateway_core.stores.postgres.catalog_store import CatalogCache, open_catalog_cache
from gateway_core.stores.postgres.connections import open_pool
from gateway_core.stores.postgres.migrations import until_migrated
from gateway_core.stores.postgres.notifications import Listener
from gateway_core.stores.postgres.notifications import running as listening
from gateway_core.stores.redis.connections import open_pipelined
from usage_service.counters import follower as counter_follower
from usage_service.counters import reconciler
from usage_service.counters.follower import CounterFollower
from usage_service.counters.ledger_events import LedgerEvents
from usage_service.counters.reconciler import Reconciler
from usage_service.journal import replay as journal_replay
from usage_service.journal.replay import JournalFiles, JournalReplay, claim_with
from usage_service.metrics import SettlementMetrics, publish
from usage_service.reports import MalformedReportError, report_of, statement_of, values_of_entry
from usage_service.settlement import open_holds, pipeline, sweeper
from usage_service.settlement.entries import Entry, Origin, SettlementCounts
from usage_service.settlement.pipeline import SettlementPipeline
from usage_service.settlement.rows import RecordedSettlement
from usage_service.settlement.settler import Settler
from usage_service.settlement.sweeper import Sweeper

logger = logging.getLogger(__name__)

ROLE: Final = "megarouter_usage"
BATCHES_AT_ONCE: Final = 2
"""While PostgreSQL commits one batch, the next one is decided."""


class UsageService(als_pb2_grpc.AccessLogServiceServicer):  # type: ignore[misc]  # the base has no types
    """Implements `envoy.service.accesslog.v3.AccessLogService`."""

    service_names = (als_pb2.DESCRIPTOR.services_by_name["AccessLogService"].full_name,)
    unary_methods: Sequence[UnaryMethod] = ()

    def __init__(self, settlements: SettlementPipeline, catalog: CatalogCache, counts: SettlementCounts) -> None:
        self._settlements = settlements
        self._catalog = catalog
        self.counts = counts
        self._stopping = asyncio.Event()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Adds the handlers to the server."""
        als_pb2_grpc.add_AccessLogServiceServicer_to_server(self, server)

    def is_ready(self) -> bool:
        """Returns whether prices are loaded."""
        return self._catalog.is_loaded

    def begin_stop(self) -> None:
        """Ends the streams, because Envoy never does. The journal delivers what Envoy can no longer send."""
        self._stopping.set()

    async def StreamAccessLogs(  # noqa: N802  # the name in Envoy's proto
        self,
        request_iterator: AsyncIterator[als_pb2.StreamAccessLogsMessage],
        _context: grpc.aio.ServicerContext[als_pb2.StreamAccessLogsMessage, als_pb2.StreamAccessLogsResponse],
    ) -> als_pb2.StreamAccessLogsResponse:
        """The gRPC method: takes entries while the stream lasts. It stops reading while the queue is full."""
        reading = asyncio.create_task(self._read(request_iterator))
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            stopping.cancel()
        return als_pb2.StreamAccessLogsResponse()

    async def _read(self, messages: AsyncIterator[als_pb2.StreamAccessLogsMessage]) -> None:
        async for message in messages:
            await self.take(message)

    async def take(self, message: als_pb2.StreamAccessLogsMessage) -> None:
        """Queues the finished calls of one message."""
        for entry in message.http_logs.log_entry:
            try:
                values = values_of_entry(entry)
                report = None if values is None else report_of(values)
            except MalformedReportError as error:
                self.counts.bad_stream_entries += 1
                logger.warning("skipped a bad access-log entry", extra={"reason": str(error)})
                continue
            if values is not None and report is not None:
                await self._settlements.submit(Entry(report, Origin.STREAM, statement=statement_of(values)))


@asynccontextmanager
async def open_usage_service(
    settings: UsageSettings, tracing: Tracing, metrics: Metrics = NO_METRICS
) -> AsyncIterator[UsageService]:
    """Opens what the service needs. On exit, settles everything accepted and stores the journal position."""
    async with AsyncExitStack() as stack:
        await until_migrated(settings)
        pool = await stack.enter_async_context(open_pool(settings, ROLE, by_index=True))
        redis = await stack.enter_async_context(open_pipelined(settings.redis_url.get_secret_value()))
        catalog = await stack.enter_async_context(open_catalog_cache(pool, settings, ROLE))
        follower = CounterFollower(redis, LedgerEvents(pool))
        await stack.enter_async_context(counter_follower.running(follower, settings.shutdown_grace_ms))
        ledger_listener = Listener(
            settings, ROLE, [ledger_store.CHANNEL], lambda _channel, payload: follower.ledger_changed(payload)
        )
        await stack.enter_async_context(listening(ledger_listener))
        signing_key = bytes.fromhex(settings.hold_signing_key.get_secret_value())
        measures = SettlementMetrics(metrics)
        settler = Settler(pool, catalog, signing_key, tracing, follower.committed, measures)
        settlements = SettlementPipeline(
            settler.settle,
            queue_entries=settings.settle_queue_entries,
            batch_entries=settings.settle_batch_entries,
            interval_ms=settings.settle_interval_ms,
        )
        await stack.enter_async_context(pipeline.running(settlements, BATCHES_AT_ONCE, settings.shutdown_grace_ms))
        replay = JournalReplay(
            JournalFiles.of(settings),
            claim_with(settings, ROLE, settings.journal_file),
            settlements.submit,
            settler.recent,
            settler.counts,
        )
        await stack.enter_async_context(journal_replay.running(replay))

        def expired(recorded: Sequence[RecordedSettlement]) -> None:
            follower.committed(recorded)
            measures.swept(recorded)

        expiry = Sweeper(
            pool,
            settler.prices,
            signing_key,
            expired,
            settler.counts,
            batch_entries=settings.sweep_batch_entries,
            interval_ms=settings.sweep_interval_ms,
        )
        await stack.enter_async_context(sweeper.running(expiry, replay.caught_up))
        comparison = Reconciler(redis, pool, settings.reconcile_interval_ms)
        await stack.enter_async_context(reconciler.running(comparison))
        publish(metrics, settler.counts, settlements, replay, follower)
        await stack.enter_async_context(open_holds.counted(pool, metrics))
        await stack.enter_async_context(
            dependencies.reported(metrics, {"postgres": lambda: pool.fetchval("SELECT 1"), "redis": redis.ping})
        )
        yield UsageService(settlements, catalog, settler.counts)
