"""Takes Envoy's access-log stream: `envoy.service.accesslog.v3.AccessLogService`."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import grpc
from envoy.data.accesslog.v3 import accesslog_pb2
from envoy.service.accesslog.v3 import als_pb2, als_pb2_grpc

from gateway_core.contract.access_log_line import REFUSAL_TAG
from gateway_core.runtime.unary import UnaryMethod
from gateway_core.stores.postgres.catalog_store import CatalogCache
from usage_service.call_reports import MalformedReportError, report_of, statement_of, values_of_entry
from usage_service.settlement.charge_decision import CallReport
from usage_service.settlement.entries import Entry, Origin, SettlementCounts
from usage_service.settlement.queue.pipeline import SettlementPipeline
from usage_service.settlement.rows import Settlement

logger = logging.getLogger(__name__)

_DECISIONS_AT_A_STRETCH: Final = 25
Decide = Callable[[CallReport], Settlement | None]
TakeRefused = Callable[[Sequence[accesslog_pb2.HTTPAccessLogEntry]], Awaitable[None]]
OnFinished = Callable[[Sequence[Settlement]], None]


class UsageService(als_pb2_grpc.AccessLogServiceServicer):  # type: ignore[misc]  # the base has no types
    """Implements `envoy.service.accesslog.v3.AccessLogService`."""

    service_names = (als_pb2.DESCRIPTOR.services_by_name["AccessLogService"].full_name,)
    health_names: Sequence[str] = ()
    unary_methods: Sequence[UnaryMethod] = ()

    def __init__(
        self,
        settlements: SettlementPipeline,
        catalog: CatalogCache,
        counts: SettlementCounts,
        decide: Decide,
        on_finished: OnFinished,
        take_refused: TakeRefused,
    ) -> None:
        """Creates the service.

        Args:
            settlements: takes the reports.
            catalog: the prices.
            counts: where bad entries are counted.
            decide: decides a call without waiting; returns None if its batch has to.
            on_finished: receives decided calls before they are settled; must not block or raise.
            take_refused: counts refused calls.
        """
        self._settlements = settlements
        self._decide = decide
        self._on_finished = on_finished
        self._take_refused = take_refused
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
        """Decides the finished calls of one message, and queues them for settlement."""
        entries = message.http_logs.log_entry
        # Each of Envoy's logs has a stream of its own.
        if entries and REFUSAL_TAG in entries[0].common_properties.custom_tags:
            await self._take_refused(entries)
            return
        for start in range(0, len(entries), _DECISIONS_AT_A_STRETCH):
            taken = [
                entry
                for log_entry in entries[start : start + _DECISIONS_AT_A_STRETCH]
                if (entry := self._entry_of(log_entry)) is not None
            ]
            self._on_finished([entry.settlement for entry in taken if entry.settlement is not None])
            await self._settlements.submit(taken)
            await asyncio.sleep(0)  # A batch may be in its transaction and hold locks.

    def _entry_of(self, log_entry: accesslog_pb2.HTTPAccessLogEntry) -> Entry | None:
        """Returns the call of an entry; None if it is of no finished call, or bad."""
        try:
            values = values_of_entry(log_entry)
            report = None if values is None else report_of(values)
        except MalformedReportError as error:
            self.counts.bad_stream_entries += 1
            logger.warning("skipped a bad access-log entry", extra={"reason": str(error)})
            return None
        if values is None or report is None:
            return None
        return Entry(report, Origin.STREAM, settlement=self._decide(report), statement=statement_of(values))
