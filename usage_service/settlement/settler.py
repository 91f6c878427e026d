"""Decides and commits: reports in, settlements on the books out. Never gives up on a report because of the database."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import asyncpg

from gateway_core.model.calls.holds import Hold, HoldTokenError, verify_hold
from gateway_core.model.catalog.entries import Model, PriceSchedule
from gateway_core.runtime.backoff import Backoff
from gateway_core.runtime.telemetry import semconv
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.catalog_store import CatalogCache, CatalogSnapshot
from gateway_core.stores.postgres.connections import UNAVAILABLE
from usage_service.metrics import SettlementMetrics
from usage_service.settlement.decision import QUARANTINED, CallReport, resolve
from usage_service.settlement.entries import Entry, Origin, RecentSettlements, SettlementCounts
from usage_service.settlement.rows import RecordedSettlement, Settlement
from usage_service.settlement.store import BatchResult, settle_batch

logger = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 1.0
_DECISIONS_AT_A_STRETCH: Final = 25

_FAULTS_OF_A_REPORT: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
"""What PostgreSQL says to values that cannot be stored. Whatever else it says passes, or is no report's fault."""

_WORTH_RETRYING: Final = (*UNAVAILABLE, asyncpg.PostgresError)

Committed = Callable[[Sequence[RecordedSettlement]], None]


class UnknownPriceError(Exception):
    """The hold names a price version that the catalogue does not have."""


class Settler:
    """Settles batches of entries. Several batches may be under way at once."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        catalog: CatalogCache,
        signing_key: bytes,
        tracing: Tracing,
        on_committed: Committed,
        measures: SettlementMetrics,
    ) -> None:
        """Prepares a settler.

        Args:
            pool: connections that may write settlements.
            catalog: the prices.
            signing_key: of hold tokens.
            tracing: makes the spans of sampled calls.
            on_committed: told what was newly settled, after its commit; must not block or raise.
            measures: told of every commit.
        """
        self._pool = pool
        self._catalog = catalog
        self._signing_key = signing_key
        self._tracing = tracing
        self._on_committed = on_committed
        self._measures = measures
        self.recent = RecentSettlements()
        self.counts = SettlementCounts()

    async def settle(self, entries: Sequence[Entry]) -> None:
        """Settles a batch. Returns when every entry is on the books, or found to be beyond settling."""
        await self._catalog.loaded()
        decided: list[tuple[Entry, Settlement]] = []
        for number, entry in enumerate(entries):
            if number % _DECISIONS_AT_A_STRETCH == 0:
                await asyncio.sleep(0)  # Another batch may be in its transaction, holding locks.
            settlement = await self._decide(entry)
            if settlement is None:
                _finish(entry)
            else:
                decided.append((entry, settlement))
        if decided:
            await self._commit(decided)

    async def _decide(self, entry: Entry) -> Settlement | None:
        """What becomes of a call; None when its report is not to be settled."""
        try:
            hold = _hold_of(entry.report, self._signing_key)
        except HoldTokenError:
            self.counts.forged += 1
            logger.warning("report with a forged hold token was dropped", extra={"origin": entry.origin})
            return None
        try:
            model, schedule = await self.prices(hold)
            return Settlement(hold, entry.report, resolve(hold, entry.report, model, schedule))
        except Exception:
            self.counts.unsettleable += 1
            logger.exception("call cannot be priced", extra={"hold_id": hold.hold_id})
            return None

    async def prices(self, hold: Hold) -> tuple[Model, PriceSchedule]:
        """The model and prices a hold names.

        Raises:
            UnknownPriceError: even the newest catalogue does not have them.
        """
        prices = _prices_in(self._catalog.snapshot, hold)
        if prices is None:
            prices = _prices_in(await _patiently(self._catalog.refresh), hold)
        if prices is None:
            raise UnknownPriceError("the catalogue does not have the price version of the hold")
        return prices

    async def _commit(self, decided: Sequence[tuple[Entry, Settlement]]) -> None:
        """Commits a batch; when one of it cannot be written, the others are, in ever smaller batches."""
        try:
            result = await _patiently(lambda: self._write([settlement for _, settlement in decided]))
        except Exception:
            if len(decided) == 1:
                entry, settlement = decided[0]
                self.counts.unsettleable += 1
                logger.exception("call cannot be settled", extra={"hold_id": settlement.hold.hold_id})
                _finish(entry)
                return
            logger.warning("batch is split to find what cannot be settled", exc_info=True)
            middle = len(decided) // 2
            await self._commit(decided[:middle])
            await self._commit(decided[middle:])
        else:
            self._note(decided, result)

    async def _write(self, settlements: Sequence[Settlement]) -> BatchResult:
        async with self._pool.acquire() as connection:
            return await settle_batch(connection, settlements)

    def _note(self, decided: Sequence[tuple[Entry, Settlement]], result: BatchResult) -> None:
        """Everything that follows a commit."""
        self._on_committed(result.recorded)
        origins = {id(settlement): entry.origin for entry, settlement in decided}
        brought_by = [origins[id(record.settlement)] for record in result.recorded]
        self._measures.settled([entry for entry, _ in decided], result.recorded, brought_by)
        rescued = brought_by.count(Origin.JOURNAL)
        corrected = sum(record.corrects is not None for record in result.recorded)
        quarantined = sum(record.settlement.resolution.detail in QUARANTINED for record in result.recorded)
        self.counts.settled += len(result.recorded) - corrected
        self.counts.corrected += corrected
        self.counts.quarantined += quarantined
        self.counts.rescued += rescued
        self.counts.repeated += len(decided) - len(result.recorded)
        self.counts.discrepancies += result.discrepancy_count
        if rescued:
            logger.info("settled from the journal what the stream did not bring", extra={"calls": rescued})
        if quarantined:
            logger.warning("reported usage cannot be right and was quarantined", extra={"calls": quarantined})
        if result.discrepancy_count:
            logger.warning("reports contradict settled calls", extra={"calls": result.discrepancy_count})
        for entry, _ in decided:
            self.recent.add(entry)
            _finish(entry)
        if self._tracing.enabled:
            self._trace(result.recorded)

    def _trace(self, recorded: Sequence[RecordedSettlement]) -> None:
        """A span for each sampled call, linked to the trace of the call."""
        for record in recorded:
            hold, resolution = record.settlement.hold, record.settlement.resolution
            report = record.settlement.report
            with self._tracing.linked(f"settle {hold.claims.requested_model}", report.traceparent) as span:
                if span.is_recording():
                    span.set_attributes(
                        {
                            semconv.HOLD_ID: hold.hold_id,
                            semconv.OUTCOME: resolution.outcome,
                            semconv.USAGE_SOURCE: resolution.source,
                            semconv.CHARGE_NANO_CREDITS: resolution.charge_nano_credits,
                            semconv.GEN_AI_OPERATION_NAME: hold.claims.endpoint,
                            semconv.GEN_AI_PROVIDER_NAME: hold.claims.provider,
                            semconv.GEN_AI_REQUEST_MODEL: hold.claims.requested_model,
                            semconv.GEN_AI_RESPONSE_MODEL: report.answered_model or "",
                            semconv.GEN_AI_USAGE_INPUT_TOKENS: resolution.usage.total_input,
                            semconv.GEN_AI_USAGE_OUTPUT_TOKENS: resolution.usage.total_output,
                        }
                    )


def _prices_in(catalog: CatalogSnapshot, hold: Hold) -> tuple[Model, PriceSchedule] | None:
    model = catalog.known_model(hold.claims.requested_model)
    schedule = catalog.schedule(hold.claims.requested_model, hold.claims.price_version)
    return (model, schedule) if model and schedule else None


def _hold_of(report: CallReport, signing_key: bytes) -> Hold:
    """The hold that the report proves to be about.

    Raises:
        HoldTokenError: the token is not ours, or is not of the organization that the report names (fault F10).
    """
    hold = verify_hold(report.token, signing_key)
    if report.organization not in {None, hold.claims.organization}:
        raise HoldTokenError("the hold token is another organization's")
    return hold


def _finish(entry: Entry) -> None:
    if entry.page is not None:
        entry.page.finish_one()


async def _patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Repeats an attempt for as long as PostgreSQL is the reason that it fails, with growing pauses of at most a second.

    Raises:
        what is in `_FAULTS_OF_A_REPORT`, and everything that does not come from PostgreSQL.
    """
    backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
    while True:
        try:
            return await attempt()
        except _FAULTS_OF_A_REPORT:
            raise
        except _WORTH_RETRYING as error:
            logger.warning("settlement waits for PostgreSQL", extra={"error": type(error).__name__})
        await asyncio.sleep(backoff.failed())
