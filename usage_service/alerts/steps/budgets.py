"""Thresholds of budgets, as a source."""

from typing import Final

from gateway_core.model.alerts.crossings import Crossing, decide
from gateway_core.model.alerts.event_types import BUDGET_RESET, OF_BUDGETS, THRESHOLD_REACHED
from usage_service.alerts.events import Happening, crossing_happening
from usage_service.alerts.sources.source import NOTHING, Found, Source, View
from usage_service.alerts.store import AlertStore


async def _find(view: View) -> Found:
    store = AlertStore(view.connection, view.claimed)
    budgets = await store.budgets()
    if not budgets:
        return NOTHING
    decision = decide(budgets, view.rules, await store.states(one.counter.encode() for one in budgets))
    told = [(one.rule, await _happening(store, view, one)) for one in decision.crossings]
    return Found(told, states=decision.states)


async def _happening(store: AlertStore, view: View, crossing: Crossing) -> Happening:
    call = await store.crossing_call(crossing) if crossing.event_type == THRESHOLD_REACHED else None
    return crossing_happening(view.claimed.organization, crossing, call, view.claimed.zone)


# Those of resets need to know which thresholds are reached, but a source of their own tells of them.
BUDGETS: Final = Source("budgets", frozenset({*OF_BUDGETS, BUDGET_RESET}), lambda _claimed: True, _find)
