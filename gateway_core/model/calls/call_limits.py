"""What limits the calls of a key, in the order of the counters and throttles of their holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Cycle, Period, period_before
from gateway_core.model.limits.guardrails import Guardrail
from gateway_core.model.limits.model_budgets import ModelBudget
from gateway_core.model.limits.rollovers import Rollover
from gateway_core.model.limits.soft_budgets import PercentOfBudget, SoftBudget, threshold_of
from gateway_core.model.limits.throttles import ThrottleLimit
from gateway_core.model.organization.scopes import Scope
from gateway_core.model.record_decorator import record


@dataclass(frozen=True, slots=True)
class Limits:
    """What limits a call. Amounts are nano-credits."""

    budgets: tuple[int | None, ...]
    """The budget of each counter of the hold; None for unlimited. A free call has none."""
    reset_epoch_s: tuple[int | None, ...]
    """When the budget of each counter resets; None for never."""
    throttles: tuple[int, ...] = ()
    """The limit of each throttle of the hold: tokens per minute, or concurrent calls."""
    shadows: frozenset[Scope] = frozenset()
    """The scopes with guardrails in shadow mode: they count the calls that they would refuse, and refuse none."""
    soft_thresholds: tuple[int | PercentOfBudget | None, ...] = ()
    """The spend of each counter at which its budget is reported; empty if none is."""
    requests: str = ""
    """The request limits of every scope above the call, as `request_limits.encode_limits` writes them; empty without any."""
    previous: tuple[Counter | None, ...] = ()
    """For each counter whose budget carries over, the counter of the period before; empty if none does."""


@dataclass(frozen=True, slots=True)
class CountedBudget:
    """A budget that a call counts on, and the counter of its current period."""

    counter: Counter
    reset_epoch_s: int | None
    """When the period ends; None for never."""
    budget_nano_credits: int | None
    """None if it refuses nothing."""
    soft_threshold: int | PercentOfBudget | None = None
    previous: Counter | None = None
    """The counter of the period before, if what is left of it is carried into this one."""


_counter = lru_cache(maxsize=8_192)(Counter)
"""Shares the counters that keys have in common: all counters of a key except its own."""

PeriodOf = Callable[[Cycle], Period]
"""Returns the present period of a cycle."""


def budgets_of(
    rails: Sequence[Guardrail],
    period_of: PeriodOf,
    zone: ZoneInfo,
    covers: Callable[[ModelBudget], bool] = lambda _: True,
) -> tuple[CountedBudget, ...]:
    """Returns the budgets above a call: those of all guardrails, then those for some models.

    Args:
        rails: the guardrails, with the limits in force.
        period_of: returns the present periods.
        zone: the time zone of the periods.
        covers: selects the budgets for some models that apply.
    """
    of_all = tuple(budget_of_guardrail(rail, period_of, zone) for rail in rails)
    if not any(rail.model_budgets for rail in rails):
        return of_all
    of_models = (
        budget_for_models(rail, budget, period_of, zone)
        for rail in rails
        for budget in rail.model_budgets
        if covers(budget)
    )
    return (*of_all, *of_models)


def budget_of_guardrail(rail: Guardrail, period_of: PeriodOf, zone: ZoneInfo) -> CountedBudget:
    """Returns the budget of a guardrail for all models."""
    budget = _Budget(rail.cycle, rail.cycle_revision, "", rail.budget_nano_credits, rail.soft, rail.rollover)
    return _counted(rail, budget, period_of, zone)


def budget_for_models(rail: Guardrail, budget: ModelBudget, period_of: PeriodOf, zone: ZoneInfo) -> CountedBudget:
    """Returns one of a guardrail's budgets for some models."""
    cycle, revision = rail.cycle, rail.cycle_revision
    if budget.cycle is not None:
        cycle, revision = budget.cycle, budget.revision or 0
    found = _Budget(cycle, revision, budget.models, budget.budget_nano_credits, budget.soft, budget.rollover)
    return _counted(rail, found, period_of, zone)


@record(frozen=True, slots=True)
class _Budget:
    """What the budgets of a guardrail have in common."""

    cycle: Cycle
    revision: int
    models: str
    nano_credits: int | None
    soft: SoftBudget | None
    rollover: Rollover | None


def _counted(rail: Guardrail, budget: _Budget, period_of: PeriodOf, zone: ZoneInfo) -> CountedBudget:
    cycle, amount = budget.cycle, budget.nano_credits
    period = period_of(cycle)
    carries_over = budget.rollover is not None and amount is not None and cycle is not Cycle.NEVER

    def counter(start_epoch_s: int) -> Counter:
        return _counter(rail.scope.kind, rail.scope.scope_id, cycle, start_epoch_s, budget.revision, budget.models)

    return CountedBudget(
        counter(period.start_epoch_s),
        period.end_epoch_s,
        None if budget.soft is not None and budget.soft.soft_only else amount,
        # Guardrails in shadow mode show callers nothing.
        None if rail.is_shadow else threshold_of(budget.soft, amount, carries_over=carries_over),
        counter(period_before(cycle, zone, period.start_epoch_s).start_epoch_s) if carries_over else None,
    )


def limits_of(
    rails: Sequence[Guardrail],
    budgets: Sequence[CountedBudget],
    throttles: Sequence[ThrottleLimit],
    requests: str,
    *,
    is_free: bool,
) -> Limits:
    """Returns what limits a call.

    Args:
        rails: the guardrails above it, with the limits in force.
        budgets: those that it counts on.
        throttles: those that apply to it.
        requests: its encoded request limits.
        is_free: whether it costs nothing, so that no budget limits it.
    """
    return Limits(
        budgets=tuple(None if is_free else budget.budget_nano_credits for budget in budgets),
        reset_epoch_s=tuple(budget.reset_epoch_s for budget in budgets),
        throttles=tuple(throttle.limit for throttle in throttles),
        shadows=frozenset(rail.scope for rail in rails if rail.is_shadow),
        soft_thresholds=() if is_free else _soft_thresholds(budgets),
        requests=requests,
        previous=() if is_free else _previous(budgets),
    )


def _previous(budgets: Sequence[CountedBudget]) -> tuple[Counter | None, ...]:
    """Returns the counter of the period before for each budget that carries over; empty if none does."""
    previous = tuple(budget.previous for budget in budgets)
    return () if all(counter is None for counter in previous) else previous


def _soft_thresholds(budgets: Sequence[CountedBudget]) -> tuple[int | PercentOfBudget | None, ...]:
    """Returns when each budget is reported to callers; empty if none is."""
    thresholds = tuple(budget.soft_threshold for budget in budgets)
    return () if all(threshold is None for threshold in thresholds) else thresholds
