"""A guardrail: all limits of one scope."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.model_budgets import ModelBudget
from gateway_core.model.limits.model_whitelists import ModelWhitelist, compile_stored
from gateway_core.model.limits.rate_limits import RateUnit
from gateway_core.model.limits.rollovers import Rollover
from gateway_core.model.limits.soft_budgets import SoftBudget
from gateway_core.model.limits.temporary_limits import TemporaryLimit
from gateway_core.model.organization.scopes import Scope


class GuardrailMode(enum.StrEnum):
    """Whether a guardrail refuses calls, or only counts those it would refuse."""

    ENFORCE = "ENFORCE"
    SHADOW = "SHADOW"


@dataclass(frozen=True, slots=True)
class RateRule:
    """A rate limit for another window than a minute or for some models. The models it covers count together."""

    models: str
    """A whitelist entry; empty for all models."""
    unit: RateUnit
    requests: int | None = None
    tokens: int | None = None
    """Only with the unit MINUTE."""

    def covers(self, model: str, provider: str) -> bool:
        """Returns whether calls of a model count. Both names are those of the catalog."""
        return not self.models or compile_stored([self.models]).allows(model, provider)


@dataclass(frozen=True, slots=True)
class Guardrail:
    """The limits of one scope. None means unlimited."""

    scope: Scope
    budget_nano_credits: int | None = None
    cycle: Cycle = Cycle.NEVER
    cycle_revision: int = 0
    requests_per_minute: int | None = None
    model_whitelist: ModelWhitelist | None = None
    mode: GuardrailMode = GuardrailMode.ENFORCE
    tokens_per_minute: int | None = None
    concurrency_limit: int | None = None
    """The maximum number of concurrent calls."""
    rate_rules: tuple[RateRule, ...] = ()
    temporary: TemporaryLimit | None = None
    soft: SoftBudget | None = None
    model_budgets: tuple[ModelBudget, ...] = ()
    rollover: Rollover | None = None
    """None if nothing is carried from one period into the next."""

    def at(self, instant_epoch_s: float) -> "Guardrail":
        """Returns the guardrail with the limits that are in force at an instant.

        It keeps its temporary limit until the end of it, so that the end is known.
        """
        if self.temporary is None:
            return self
        if instant_epoch_s >= self.temporary.end_epoch_s:
            return replace(self, temporary=None)
        return replace(self, **self.temporary.values)  # type: ignore[arg-type] # the limits that REPLACED names

    @property
    def refusing_budget(self) -> int | None:
        """The budget beyond which calls are refused."""
        return None if self.soft is not None and self.soft.soft_only else self.budget_nano_credits

    @property
    def is_shadow(self) -> bool:
        """Whether it admits the calls that it would refuse."""
        return self.mode is GuardrailMode.SHADOW

    def allows(self, model: str, provider: str) -> bool:
        """Returns whether its whitelist allows the model; True without a whitelist."""
        return self.model_whitelist is None or self.model_whitelist.allows(model, provider)


def in_force(rails: tuple[Guardrail, ...], instant_epoch_s: float) -> tuple[Guardrail, ...]:
    """Returns the guardrails with the limits that are in force at an instant."""
    if all(rail.temporary is None for rail in rails):
        return rails
    return tuple(rail.at(instant_epoch_s) for rail in rails)


def ends_of(rails: Iterable[Guardrail]) -> list[float]:
    """Returns when temporary limits that are in force end, in seconds since the epoch."""
    return [rail.temporary.end_epoch_s for rail in rails if rail.temporary is not None]
