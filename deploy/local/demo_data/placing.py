"""Places the calls of the past within budgets, in a process of its own while this one settles earlier calls."""

import asyncio
import copyreg
import datetime as dt
import gc
import io
import multiprocessing
import pickle
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import fields
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, Self

from deploy.local.demo_data.calls import NO_BUDGET, Budget, CallMaker, Event
from deploy.local.demo_data.traffic import Draft, Traffic
from gateway_core.model.calls.holds import Hold
from gateway_core.model.catalog.pricing import ChargeLine
from gateway_core.model.catalog.token_usage import TokenUsage
from gateway_core.model.limits.counters import Counter
from gateway_core.model.organization.scopes import Scope
from usage_service.settlement.charge_decision import CallReport, Resolution
from usage_service.settlement.rows import Settlement

_COMPACT: Final = (Event, Settlement, Hold, CallReport, Resolution, TokenUsage, ChargeLine)
"""What each call has of its own. As arguments they take a third of the time that fields with names take."""


class Placer:
    """Places calls within the budgets."""

    def __init__(self, traffic: Traffic, maker: CallMaker, budgets: dict[Scope, Budget]) -> None:
        self._traffic = traffic
        self._maker = maker
        self._budgets = budgets
        self._spent: dict[Counter, int] = defaultdict(int)
        self._limits: dict[str, tuple[tuple[Counter, int], ...]] = {}
        """The budgets above each key on the present day."""
        self.refused = 0

    def of_days(self, days: Sequence[dt.date]) -> list[Event]:
        """Returns what becomes of the calls of some days. Days must come in order."""
        events: list[Event] = []
        for day in days:
            self._limits = {}
            for draft in self._traffic.of_day(day):
                events += self._placed(draft, day)
        return events

    def _placed(self, draft: Draft, day: dt.date) -> tuple[Event, ...]:
        claims = self._maker.claims(draft, day)
        events = self._maker.events(draft, claims, day)
        held, charge = (
            events[0].settlement.hold.amount_nano_credits,
            events[-1].settlement.resolution.charge_nano_credits,
        )
        limits = self._limits.get(claims.api_key)
        if limits is None:
            budgets = ((one, self._budgets.get(one.scope, NO_BUDGET).nano_credits) for one in claims.counters)
            limits = tuple((counter, budget) for counter, budget in budgets if budget is not None)
            self._limits[claims.api_key] = limits
        if any(self._spent[counter] + held > budget for counter, budget in limits):
            self.refused += 1
            return ()
        for counter, _ in limits:
            self._spent[counter] += charge
        return events


class PlacingProcess:
    """Runs a placer."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor
        self.refused = 0
        """Calls that a budget refused until now."""

    @classmethod
    @asynccontextmanager
    async def started(cls, placer: Placer) -> AsyncIterator[Self]:
        """Starts the process, and ends it."""
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context, _begin, (packed(placer),)) as executor:
            yield cls(executor)

    async def of_days(self, days: Sequence[dt.date]) -> list[Event]:
        """Returns what becomes of the calls of some days. Days must come in order."""
        packed, self.refused = await asyncio.get_running_loop().run_in_executor(self._executor, _of_days, days)
        events: list[Event] = pickle.loads(packed)  # noqa: S301 - from our own process
        return events


def _begin(packed_placer: bytes) -> None:
    global _placer  # noqa: PLW0603 - the process has one
    gc.disable()  # As the process that settles.
    _placer = pickle.loads(packed_placer)  # noqa: S301 - from our own process


_placer: Placer | None = None


def _of_days(days: Sequence[dt.date]) -> tuple[bytes, int]:
    if _placer is None:
        raise AssertionError("the process begins with a placer")
    return packed(_placer.of_days(days)), _placer.refused


def packed(what: object) -> bytes:
    """Returns what `pickle.loads` of the other process takes."""
    file = io.BytesIO()
    pickler = pickle.Pickler(file, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table | _REDUCTIONS
    pickler.dump(what)
    return file.getvalue()


def _as_call(kind: type[Any]) -> Callable[[Any], tuple[type[Any], tuple[object, ...]]]:
    arguments = attrgetter(*(field.name for field in fields(kind) if field.init))
    return lambda one: (kind, arguments(one))


def _read_only(mapping: dict[object, object]) -> MappingProxyType[object, object]:
    return MappingProxyType(mapping)


_REDUCTIONS: Final[dict[type[Any], Callable[[Any], Any]]] = {
    MappingProxyType: lambda proxy: (_read_only, (dict(proxy),)),
    **{kind: _as_call(kind) for kind in _COMPACT},
}
