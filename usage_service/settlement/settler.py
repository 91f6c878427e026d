"""Decides and commits reports. It never gives up on a report because of the database."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

import asyncpg

from gateway_core.contract.usage_facts import UsageFact
from gateway_core.model.calls.holds import Hold, HoldState, HoldTokenError, verify_hold_by_any
from gateway_core.model.catalog.entries import Model
from gateway_core.model.catalog.prices import PriceSchedule
from gateway_core.model.limits.model_whitelists import qualified_name
from gateway_core.runtime.backoff import Backoff
from gateway_core.runtime.telemetry.tracing import Tracing
from gateway_core.stores.postgres.catalog_store import CatalogCache, CatalogSnapshot
from gateway_core.stores.postgres.connections import UNAVAILABLE
from usage_service.call_spans import trace_call
from usage_service.metrics import SettlementMetrics
from usage_service.provider_reports.attempts import failed_attempts_of
from usage_service.routed_calls.comparison import compared
from usage_service.settlement.charge_decision import CallReport, resolve
from usage_service.settlement.cycle_change_store import UnchangedCounters
from usage_service.settlement.entries import Entry, Origin, RecentSettlements, SettlementCounts
from usage_service.settlement.report_pricing import Terms
from usage_service.settlement.rows import RecordedSettlement, Settlement
from usage_service.settlement.store import BatchResult, settle_batch
from usage_service.stored_objects.handed_out import DEFAULT_LIFE_MS

logger = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 1.0
_DECISIONS_AT_A_STRETCH: Final = 25
_LOGGED_FINDINGS: Final = 10
"""Findings of a batch that are logged. All of them are stored and counted."""

_FAULTS_OF_A_REPORT: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
)
"""The errors of PostgreSQL for values that cannot be stored. Other errors pass, or are not the report's fault."""

_WORTH_RETRYING: Final = (*UNAVAILABLE, asyncpg.PostgresError)

Committed = Callable[[Sequence[RecordedSettlement]], None]


class UnknownPriceError(Exception):
    """The hold names a price version that the catalog does not have."""


class Settler:
    """Settles batches of entries. Several batches may run concurrently."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        catalog: CatalogCache,
        signing_keys: Sequence[bytes],
        tracing: Tracing,
        on_committed: Committed,
        measures: SettlementMetrics,
        object_life_ms: int = DEFAULT_LIFE_MS,
    ) -> None:
        """Creates a settler.

        Args:
            pool: connections that may write settlements.
            catalog: the prices.
            signing_keys: the keys of hold tokens, the current one first.
            tracing: makes the spans of sampled calls.
            on_committed: receives new settlements after their commit; must not block or raise.
            measures: counts every commit.
            object_life_ms: how long a caller may name what an answer handed out.
        """
        self._pool = pool
        self._catalog = catalog
        self._signing_keys = signing_keys
        self._tracing = tracing
        self._on_committed = on_committed
        self._measures = measures
        self._object_life_ms = object_life_ms
        self._unchanged = UnchangedCounters()
        self.recent = RecentSettlements()
        self.counts = SettlementCounts()

    async def settle(self, entries: Sequence[Entry]) -> None:
        """Settles a batch. Returns once every entry is committed or found impossible to settle."""
        await self._catalog.loaded()
        decided: list[tuple[Entry, Settlement]] = []
        for number, entry in enumerate(entries):
            if number % _DECISIONS_AT_A_STRETCH == 0:
                await asyncio.sleep(0)  # Another batch may be in its transaction and hold locks.
            settlement = entry.settlement or await self._decide(entry)
            if settlement is None:
                _finish(entry)
            else:
                decided.append((entry, settlement))
        if decided:
            await self._commit(decided)

    def decide_now(self, report: CallReport) -> Settlement | None:
        """Decides a call without waiting. Returns None if its batch has to decide it, and to say what is wrong with it."""
        try:
            hold = _hold_of(report, self._signing_keys)
            prices = _prices_in(self._catalog.snapshot, hold) if self._catalog.is_loaded else None
            return None if prices is None else self._settlement(hold, report, *prices)
        except Exception:  # noqa: BLE001 - the batch meets it again, and reports it
            return None

    async def _decide(self, entry: Entry) -> Settlement | None:
        """Decides a call; returns None if its report must not be settled."""
        try:
            hold = _hold_of(entry.report, self._signing_keys)
        except HoldTokenError:
            self.counts.forged += 1
            logger.warning("report with a forged hold token was dropped", extra={"origin": entry.origin})
            return None
        try:
            return self._settlement(hold, entry.report, *await self.prices(hold))
        except Exception:
            self.counts.unsettleable += 1
            logger.exception("call cannot be priced", extra={"hold_id": hold.hold_id})
            return None

    def _settlement(self, hold: Hold, report: CallReport, model: Model, schedule: PriceSchedule) -> Settlement:
        snapshot = self._catalog.snapshot
        terms = Terms(hold, model, schedule, snapshot.answered_models, snapshot.providers.get(model.provider))
        resolution = resolve(terms, report)
        deployment = _deployment_of(hold, snapshot)
        failed = failed_attempts_of(hold.claims.rungs, report.attempts, report.facts.get(UsageFact.ATTEMPTS))
        if hold.claims.routed is None or resolution.outcome is not HoldState.SETTLED:
            return Settlement(hold, report, resolution, deployment=deployment, failed_attempts=failed)
        both = compared(hold.claims, resolution.usage, resolution.charge_nano_credits, snapshot)
        return Settlement(hold, report, resolution, both, deployment, failed)

    async def prices(self, hold: Hold) -> tuple[Model, PriceSchedule]:
        """Returns the model and the prices that a hold names.

        Raises:
            UnknownPriceError: even the newest catalog does not have them.
        """
        prices = _prices_in(self._catalog.snapshot, hold)
        if prices is None:
            prices = _prices_in(await _patiently(self._catalog.refresh), hold)
        if prices is None:
            raise UnknownPriceError("the catalog does not have the price version of the hold")
        return prices

    async def _commit(self, decided: Sequence[tuple[Entry, Settlement]]) -> None:
        """Commits a batch. If an entry cannot be written, halves the batch until only that entry fails."""
        try:
            result = await _patiently(lambda: self._write([settlement for _, settlement in decided]))
        except Exception:
            if len(decided) == 1:
                entry, settlement = decided[0]
                self.counts.unsettleable += 1
                logger.exception("call cannot be settled", extra={"hold_id": settlement.hold.hold_id})
                _finish(entry)
                return
            logger.warning("splitting a batch to find what cannot be settled", exc_info=True)
            middle = len(decided) // 2
            await self._commit(decided[:middle])
            await self._commit(decided[middle:])
        else:
            self._note(decided, result)

    async def _write(self, settlements: Sequence[Settlement]) -> BatchResult:
        async with self._pool.acquire() as connection:
            return await settle_batch(connection, settlements, self._object_life_ms, self._unchanged)

    def _note(self, decided: Sequence[tuple[Entry, Settlement]], result: BatchResult) -> None:
        """Does everything that follows a commit."""
        self._on_committed(result.recorded)
        origins = {id(settlement): entry.origin for entry, settlement in decided}
        brought_by = [origins[id(record.settlement)] for record in result.recorded]
        self._measures.settled([entry for entry, _ in decided], result.recorded, brought_by)
        rescued = brought_by.count(Origin.JOURNAL)
        corrected = sum(record.corrects is not None for record in result.recorded)
        findings = [record.settlement for record in result.recorded if record.settlement.resolution.finding]
        self.counts.settled += len(result.recorded) - corrected
        self.counts.corrected += corrected
        self.counts.flagged += len(findings)
        self.counts.rescued += rescued
        self.counts.repeated += len(decided) - len(result.recorded)
        self.counts.discrepancies += result.discrepancy_count
        if rescued:
            logger.info("calls settled from the journal that the stream did not deliver", extra={"calls": rescued})
        for settlement in findings[:_LOGGED_FINDINGS]:
            _log_finding(settlement)
        if result.discrepancy_count:
            logger.warning("reports contradict settled calls", extra={"calls": result.discrepancy_count})
        for entry, _ in decided:
            self.recent.add(entry)
            _finish(entry)
        if self._tracing.enabled:
            for record in result.recorded:
                trace_call(self._tracing, record)


def _prices_in(catalog: CatalogSnapshot, hold: Hold) -> tuple[Model, PriceSchedule] | None:
    claims = hold.claims
    model = catalog.known_model(claims.requested_model)
    schedule = catalog.schedule(claims.requested_model, claims.price_version)
    if model and model.deployments:
        model = model.served_by(claims.provider, claims.served_model)
    return (model, schedule) if model and schedule else None


def _deployment_of(hold: Hold, catalog: CatalogSnapshot) -> str | None:
    """Returns the place that served a call; None if its model has a single one."""
    claims = hold.claims
    model = catalog.models.get(claims.requested_model) if catalog.has_deployments else None
    return qualified_name(claims.served_model, claims.provider) if model and model.deployments else None


def _hold_of(report: CallReport, signing_keys: Sequence[bytes]) -> Hold:
    """Returns the hold that the report is proven to be about.

    Raises:
        HoldTokenError: this deployment did not sign the token, or the report names another organization (fault F10).
    """
    hold = verify_hold_by_any(report.token, signing_keys)
    if report.organization not in {None, hold.claims.organization}:
        raise HoldTokenError("the hold token belongs to another organization")
    if not hold.claims.rungs:
        return hold
    # The hold covers every attempt. Only the last one was answered, and is charged.
    return replace(hold, claims=hold.claims.of_attempt(report.attempts))


def _log_finding(settlement: Settlement) -> None:
    """Logs what should be looked at, without anything that was reported."""
    hold, finding = settlement.hold, settlement.resolution.finding
    if finding is not None:
        names = {"hold_id": hold.hold_id, "provider": hold.claims.provider, "model": hold.claims.requested_model}
        logger.warning("usage report needs a look", extra={**names, "kinds": ",".join(finding.kinds)})


def _finish(entry: Entry) -> None:
    if entry.page is not None:
        entry.page.finish_one()


async def _patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Repeats an attempt while PostgreSQL is the reason for its failure, with growing pauses of at most a second.

    Raises:
        The errors in `_FAULTS_OF_A_REPORT`, and every error that does not come from PostgreSQL.
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
