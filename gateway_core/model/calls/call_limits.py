"""What limits the calls of a key, in the order of the counters and throttles of their holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway_core.model.limits.counters import Counter
from gateway_core.model.limits.cycles import Period
from gateway_core.model.limits.guardrails import Guardrail, ModelBudget
from gateway_core.model.limits.throttles import ThrottleLimit
from gateway_core.model.organization.scopes import Scope


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
    soft_thresholds: tuple[int | None, ...] = ()
    """The spend of each counter at which its budget is reported; empty if none is."""
    requests: str = ""
    """The request limits of every scope above the call, as `request_limits.encode_limits` writes them; empty without any."""


@dataclass(frozen=True, slots=True)
class CountedBudget:
    """A budget that a call counts on, and the counter of its current period."""

    counter: Counter
    reset_epoch_s: int | None
    """When the period ends; None for never."""
    budget_nano_credits: int | None
    """None if it refuses nothing."""
    soft_threshold: int | None = None


_counter = lru_cache(maxsize=8_192)(Counter)
"""Shares the counters that keys have in common: all counters of a key except its own."""


def counter_of(rail: Guardrail, period: Period, models: str = "") -> Counter:
    """Returns the counter of a guardrail's budget, or of its budget for some models, in one period of its cycle."""
    return _counter(rail.scope.kind, rail.scope.scope_id, rail.cycle, period.start_epoch_s, rail.cycle_revision, models)


def budgets_of(
    rails: Sequence[Guardrail],
    periods: Sequence[Period],
    covers: Callable[[ModelBudget], bool] = lambda _: True,
) -> tuple[CountedBudget, ...]:
    """Returns the budgets above a call: those of all guardrails, then those for some models.

    Args:
        rails: the guardrails, with the limits in force.
        periods: the current period of each.
        covers: selects the budgets for some models that apply.
    """
    placed = list(zip(rails, periods, strict=True))
    of_all = tuple(
        CountedBudget(
            counter_of(rail, period),
            period.end_epoch_s,
            rail.refusing_budget,
            # Guardrails in shadow mode show callers nothing.
            None if rail.is_shadow else rail.soft_threshold,
        )
        for rail, period in placed
    )
    if not any(rail.model_budgets for rail in rails):
        return of_all
    of_models = (
        CountedBudget(counter_of(rail, period, budget.models), period.end_epoch_s, budget.budget_nano_credits)
        for rail, period in placed
        for budget in rail.model_budgets
        if covers(budget)
    )
    return (*of_all, *of_models)


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
    )


def _soft_thresholds(budgets: Sequence[CountedBudget]) -> tuple[int | None, ...]:
    """Returns when each budget is reported to callers; empty if none is."""
    thresholds = tuple(budget.soft_threshold for budget in budgets)
    return () if all(threshold is None for threshold in thresholds) else thresholds
