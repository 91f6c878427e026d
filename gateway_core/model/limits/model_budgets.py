"""Further budgets of a guardrail, each for some models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway_core.model.limits.cycles import Cycle
from gateway_core.model.limits.model_whitelists import compile_stored
from gateway_core.model.limits.rollovers import Rollover, rollover_of
from gateway_core.model.limits.soft_budgets import SoftBudget, soft_budget_of


@dataclass(frozen=True, slots=True)
class ModelBudget:
    """A budget for some models."""

    models: str
    """A whitelist entry. The models it covers count together."""
    budget_nano_credits: int
    cycle: Cycle | None = None
    """None for the cycle of its guardrail."""
    revision: int | None = None
    """As `Guardrail.cycle_revision`, if it has a cycle of its own."""
    soft: SoftBudget | None = None
    rollover: Rollover | None = None

    def covers(self, model: str, provider: str) -> bool:
        """Returns whether calls of a model count. Both names are those of the catalog."""
        return compile_stored([self.models]).allows(model, provider)

    @property
    def refuses(self) -> bool:
        """Whether calls beyond it are refused."""
        return self.soft is None or not self.soft.soft_only

    def stored(self) -> list[Any]:
        """Returns the JSON array that `guardrails.model_budgets` stores, without the revision, which the database sets."""
        options = {
            "cycle": self.cycle,
            "soft": self.soft.stored() if self.soft else None,
            "rollover": None if self.rollover is None else self.rollover.stored(),
        }
        given = {name: value for name, value in options.items() if value is not None}
        return [self.models, self.budget_nano_credits, *([given] if given else [])]


def model_budget_of(stored: Sequence[Any]) -> ModelBudget:
    """Returns the budget of a stored JSON array."""
    models, amount, *rest = stored
    options: Mapping[str, Any] = rest[0] if rest else {}
    return ModelBudget(
        models,
        amount,
        Cycle(options["cycle"]) if "cycle" in options else None,
        options.get("revision"),
        soft_budget_of(options["soft"]) if "soft" in options else None,
        rollover_of(options["rollover"]) if "rollover" in options else None,
    )
