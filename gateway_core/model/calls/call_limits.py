"""What limits the calls of a key, in the order of the counters and throttles of their holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway_core.model.limits.cycles import Period
from gateway_core.model.limits.guardrails import Guardrail
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


def limits_of(
    rails: Sequence[Guardrail],
    periods: Sequence[Period],
    throttles: Sequence[ThrottleLimit],
    requests: str,
    *,
    is_free: bool,
) -> Limits:
    """Returns what limits a call.

    Args:
        rails: the guardrails above it, with the limits in force.
        periods: the current period of each.
        throttles: those that apply to it.
        requests: its encoded request limits.
        is_free: whether it costs nothing, so that no budget limits it.
    """
    return Limits(
        budgets=tuple(None if is_free else rail.refusing_budget for rail in rails),
        reset_epoch_s=tuple(period.end_epoch_s for period in periods),
        throttles=tuple(throttle.limit for throttle in throttles),
        shadows=frozenset(rail.scope for rail in rails if rail.is_shadow),
        soft_thresholds=() if is_free else _soft_thresholds(rails),
        requests=requests,
    )


def _soft_thresholds(rails: Sequence[Guardrail]) -> tuple[int | None, ...]:
    """Returns when each budget is reported to callers. Guardrails in shadow mode show them nothing."""
    if all(rail.soft is None for rail in rails):
        return ()
    return tuple(None if rail.is_shadow else rail.soft_threshold for rail in rails)
